"""Which findings stop a run: the gate, and the findings that the project accepted until a date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from sluice.config.model import FindingWaiver, ScanConfig
from sluice.findings.merge import ORDER
from sluice.records.scan import Finding, FindingSeverity

NAMED = 3  # findings that the reason names
NO_BASE: Mapping[str, date] = MappingProxyType({})


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        gate: lowest severity that blocks; None: nothing blocks.
        blocking: findings at or above the gate that nobody accepted.
        waived: fingerprints of findings that are accepted today.
        expired: waivers of findings that are still there and whose date has passed.
        old: findings at or above the gate that the base has too: shown with their age, they do not block.
    """

    gate: FindingSeverity | None
    blocking: tuple[Finding, ...]
    waived: tuple[str, ...]
    expired: tuple[FindingWaiver, ...]
    old: tuple[Finding, ...] = ()

    @property
    def reason(self) -> str:
        """Why the gate is shut; empty when it is open."""
        if not self.blocking or self.gate is None:
            return ""
        named = "; ".join(describe(finding) for finding in self.blocking[:NAMED])
        more = f"; and {len(self.blocking) - NAMED} more" if len(self.blocking) > NAMED else ""
        noun = "finding" if len(self.blocking) == 1 else "findings"
        blocked = {finding.fingerprint for finding in self.blocking}
        late = "".join(
            f". The waiver of {waiver.fingerprint} by {waiver.owner} expired on {waiver.expires}"
            for waiver in self.expired
            if waiver.fingerprint in blocked
        )
        return f"{len(self.blocking)} {noun} of severity {self.gate} or above: {named}{more}{late}"


def judge(findings: Sequence[Finding], config: ScanConfig, today: date, base: Mapping[str, date] = NO_BASE) -> Verdict:
    """Hold findings against the gate; a waiver counts up to and including its date (UTC).

    Args:
        base: fingerprints of the base's findings, with the day on which each was first seen.
    """
    gate = None if config.gate == "none" else FindingSeverity(config.gate)
    present = {finding.fingerprint for finding in findings}
    named = [waiver for waiver in config.waivers if waiver.fingerprint in present]
    waived = {waiver.fingerprint for waiver in named if not is_expired(waiver, today)}
    over = [f for f in findings if gate is not None and blocks(f.severity, gate) and f.fingerprint not in waived]
    late = {waiver.fingerprint for waiver in named}  # accepted once, until a day that has passed
    old = [f for f in over if f.fingerprint in base and f.fingerprint not in late]
    passed = {finding.fingerprint for finding in old}
    blocking = [f for f in over if f.fingerprint not in passed]
    expired = [waiver for waiver in named if is_expired(waiver, today) and waiver.fingerprint not in waived]
    return Verdict(gate, tuple(blocking), tuple(sorted(waived)), tuple(expired), tuple(old))


def is_expired(waiver: FindingWaiver, today: date) -> bool:
    """Tell whether the waiver's last day has passed; a date that does not exist has."""
    try:
        return date.fromisoformat(waiver.expires) < today
    except ValueError:
        return True


def blocks(severity: FindingSeverity, gate: FindingSeverity) -> bool:
    """Tell whether a severity is at or above the gate; *unknown* could be anything, so gate `low` takes it in."""
    if severity is FindingSeverity.UNKNOWN:
        return gate is FindingSeverity.LOW
    return ORDER[severity] <= ORDER[gate]


def describe(finding: Finding) -> str:
    """Return one finding in a few words: severity, rule, what, where."""
    what = f"{finding.package} {finding.version or ''}".strip() if finding.package else finding.title
    fix = f", fixed in {finding.fixed_version}" if finding.fixed_version else ""
    where = f" at {finding.path}{f':{finding.line}' if finding.line else ''}" if finding.path else ""
    return f"{finding.severity} {finding.rule} ({what}{fix}){where}"
