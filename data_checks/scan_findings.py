"""How a scan treated each of its findings, as the boundary sees it: against the gate, the waivers and the base."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from data_checks.facts import BoundaryFacts
from data_checks.frames import Row
from sluice.records.scan import Finding, FindingKind, FindingSeverity, ScanRecord
from sluice.states import Severity

HELD = "held against the gate"
BELOW, WAIVED, SLIPPED = "below the gate", "waived", "over the gate, and not held against it"
OLD = "over the gate, and in the base too"
SETTLED = "below the gate, waived, or held against it"
# Highest first; an unknown severity could be anything, so that the lowest gate takes it in.
LOWEST = [*FindingSeverity].index(FindingSeverity.LOW)
RANK = {severity: min(place, LOWEST) for place, severity in enumerate(FindingSeverity)}


def finding_rows(record: ScanRecord, facts: BoundaryFacts) -> list[Row]:
    """Return one row a finding."""
    blocking, waived = set(record.blocking), set(record.waived)
    base = _base(facts)
    return [
        {
            "fingerprint": each.fingerprint,
            "title": f"{each.rule} {each.path or each.package or ''}".strip(),
            "severity": str(each.severity),
            "score": str(each.score),
            "wrong_score": int(each.score is not None and not 0 <= each.score <= 10),
            "treated": _treated(each, record, blocking, waived),
            "news": news(each, record, blocking, waived, base),
        }
        for each in record.findings
    ]


def _treated(finding: Finding, record: ScanRecord, blocking: set[str], waived: set[str]) -> str:
    if finding.kind is FindingKind.VULNERABILITY and not finding.package:
        return "a vulnerability without its package"
    if finding.severity not in RANK:
        return "an unknown severity"
    if finding.fingerprint in blocking:
        return HELD
    if finding.fingerprint in record.old:
        return OLD  # whether the base really has it, S08 looks
    if _below(finding, record):
        return BELOW
    return WAIVED if finding.fingerprint in waived else SLIPPED


def news(finding: Finding, record: ScanRecord, blocking: set[str], waived: set[str], base: Mapping[str, date]) -> str:
    """Tell of a finding that blocks nobody, though it is over the gate, whether the base has it."""
    if finding.severity not in RANK:
        return SETTLED  # S05 names it
    if _below(finding, record) or finding.fingerprint in blocking or finding.fingerprint in waived:
        return SETTLED
    since = base.get(finding.fingerprint)
    if since is None:
        return "new, and let through"
    return f"old, since {since}"


def _base(facts: BoundaryFacts) -> Mapping[str, date]:
    facts.need("base_findings")
    return facts.base_findings or {}


def news_severity(record: ScanRecord, facts: BoundaryFacts) -> Severity:
    """An old finding is shown with its age; a new one stops."""
    blocking, waived, base = set(record.blocking), set(record.waived), _base(facts)
    stories = {news(each, record, blocking, waived, base) for each in record.findings} - {SETTLED}
    return Severity.WARN if all(story.startswith("old, since") for story in stories) else Severity.STOP


def _below(finding: Finding, record: ScanRecord) -> bool:
    return record.gate is None or RANK[finding.severity] > RANK[record.gate]
