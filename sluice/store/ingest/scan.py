"""Rows of the scan stage: scanners, findings, packages."""

from __future__ import annotations

from sluice.records.scan import ScanRecord
from sluice.store.ingest.place import Place
from sluice.store.tables.releases import Finding, Package, ScannerRun


def write(place: Place, record: ScanRecord) -> None:
    """Write what each scanner looked at, what was found, and the bill of materials."""
    mine = {"stage_run_id": place.stage_run_id}
    place.copy_dicts(ScannerRun, [mine | scanner.model_dump() for scanner in record.scanners])
    waived, blocking = set(record.waived), set(record.blocking)
    place.copy_dicts(
        Finding,
        [
            mine
            | {"project_id": place.project_id, "found_at": record.ended_at}
            | finding.model_dump(mode="json")
            | {"waived": finding.fingerprint in waived, "blocking": finding.fingerprint in blocking}
            for finding in record.findings
        ],
    )
    place.copy_dicts(
        Package,
        [
            mine | {"ordinal": ordinal} | package.model_dump(mode="json")
            for ordinal, package in enumerate(record.packages, start=1)
        ],
    )
