"""The scan stage: what is wrong with the source and with the release made of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sluice.findings.gate import Verdict, is_expired, judge
from sluice.findings.licences import denied
from sluice.findings.merge import merge
from sluice.findings.seen import Seen
from sluice.records.common import ArtifactRef, StageContext
from sluice.records.scan import Finding, ScanRecord, ScanRequest
from sluice.settings import Home, current_settings
from sluice.stages.scan_content import Content, gather
from sluice.stages.scan_image import scan_image
from sluice.stages.scan_sarif import run_declared
from sluice.stages.scan_scanners import MISSING, run_all, version_of
from sluice.stages.workplace import Workplace, now
from sluice.tools import trivy, trivy_image
from sluice.tools.trivy_database import locate

KEPT = 1000  # findings in the record; all of them are in its artifact
SBOM = ("sbom.cdx.json", "application/vnd.cyclonedx+json")


def inputs(request: ScanRequest, context: StageContext) -> dict[str, str]:
    """Return the parts of the cache key; what time changes (age of data, waivers that expire) is among them."""
    settings, home, moment = current_settings(), Home(Path(context.home)), now()
    database = locate(settings.trivy_db, home.cache / "trivy", moment)
    age = (moment - database.updated_at).total_seconds() / 86400 if database.updated_at else 0.0
    waivers = request.config.waivers
    return {
        "source": request.source.identity,
        "release": request.release.digest,
        "config": request.config.model_dump_json(),
        "scanners": ", ".join(f"{name} {version_of(name, home)}" for name in request.config.scanners),
        "database": str(database.updated_at or database.reason),
        "database stale": str(age > settings.trivy_db_max_age_days),
        "database due": str(moment.date()) if database.due else "",  # a failed fetch is tried again each day
        "base": ", ".join(sorted(request.base)),
        "own scanners due": str(moment.date()) if request.config.sarif else "",  # nobody knows what data they use
        "expired waivers": ", ".join(sorted(w.fingerprint for w in waivers if is_expired(w, moment.date()))),
    }


def scan(request: ScanRequest, place: Workplace) -> ScanRecord:
    """Scan the source tree and the release's content with all declared scanners; an image where its registry has it.

    Raises:
        ReleaseUnreadableError: the release cannot be unpacked.
        ArtifactCorruptError: the release is gone from the artifact store.
    """
    started = now()
    parts = inputs(request, place.context)
    content = gather(request, place)
    subject = f"{request.release.project} {request.release.version}"
    seen = run_all(content, request.config, current_settings().trivy_db, place, subject)
    if request.release.repository:
        image, scanned = scan_image(request, content, place, subject)
        seen, content = (image, *seen), replace(content, digest=scanned)
    known = {each.scanner.name for each in seen}
    seen += run_declared(request.config.sarif, content, place, request.config.timeout, known)
    drafts = denied((draft for each in seen for draft in each.drafts), request.config.licences.deny)
    findings = merge(drafts, request.dockerfile)
    verdict = judge(findings, request.config, started.date(), request.base)
    for line in _summary(seen, findings, content):
        place.log(line)
    return _record(request, place, started, parts, content, seen, findings, verdict)


def _record(
    request: ScanRequest,
    place: Workplace,
    started: datetime,
    parts: dict[str, str],
    content: Content,
    seen: Sequence[Seen],
    findings: tuple[Finding, ...],
    verdict: Verdict,
) -> ScanRecord:
    sbom = next((place.artifacts.put_bytes(each.sbom, *SBOM) for each in seen if each.sbom is not None), None)
    reason = " · ".join(filter(None, [*_broken(seen), verdict.reason]))
    vulnerabilities = next((each.not_scanned_reason for each in seen if each.scanner.name == trivy.NAME), _NO_TRIVY)
    return ScanRecord(
        run_id=place.context.run_id,
        started_at=started,
        ended_at=now(),
        passed=not reason,
        reason=reason,
        tools=tuple(tool for each in seen for tool in each.tools),
        artifacts=(_findings_file(findings, seen, place), *([sbom] if sbom else [])),
        inputs=parts,
        subject_digest=request.release.digest,
        scanned_digest=content.digest,
        scanned_tree=content.tree,
        scanners=tuple(each.scanner for each in seen),
        findings=findings[:KEPT],
        findings_total=len(findings),
        waived=verdict.waived,
        gate=verdict.gate,
        blocking=tuple(finding.fingerprint for finding in verdict.blocking),
        packages=tuple(package for each in seen for package in each.packages),
        sbom=sbom,
        vulnerabilities_scanned=not vulnerabilities,
        not_scanned_reason=vulnerabilities,
        expired=tuple(waiver.fingerprint for waiver in verdict.expired),
        old={finding.fingerprint: request.base[finding.fingerprint] for finding in verdict.old},
        image_packages=next((len(each.packages) for each in seen if each.scanner.name == trivy_image.NAME), None),
        excluded_files=content.excluded,
    )


_NO_TRIVY = "trivy is not among scan.scanners"


def _broken(seen: Sequence[Seen]) -> list[str]:
    """Name the scanners that broke, or that are declared, have work to do and are not on this machine."""
    broken = [each.scanner for each in seen if each.scanner.status == "failed"]
    absent = [each.scanner for each in seen if each.scanner.reason.startswith(MISSING)]
    return [f"{scanner.name} failed: {scanner.reason}" for scanner in broken] + [
        f"{scanner.name} did not run: {scanner.reason} (install it, or take it out of scan.scanners)"
        for scanner in absent
    ]


def _findings_file(findings: Sequence[Finding], seen: Sequence[Seen], place: Workplace) -> ArtifactRef:
    data = {
        "scanners": [each.scanner.model_dump(mode="json") for each in seen],
        "findings": [finding.model_dump(mode="json") for finding in findings],
    }
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return place.artifacts.put_bytes(text.encode(), "findings.json", "application/json")


def _summary(seen: Sequence[Seen], findings: Sequence[Finding], content: Content) -> list[str]:
    lines = [
        f"{s.name} {s.version}: {s.status}, {s.items_scanned} scanned, {s.items_skipped} not read, {s.findings} found, "
        f"{s.suppressed} suppressed in the code{f' ({s.reason})' if s.reason else ''}"
        for s in (each.scanner for each in seen)
    ]
    return [*lines, f"{len(findings)} findings after merging; {content.excluded} files excluded by sluice.yaml"]
