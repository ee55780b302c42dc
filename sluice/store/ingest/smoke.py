"""Rows of the smoke stage: checks and thresholds, and the verdict on the deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sluice.records.smoke import SmokeCheck, SmokeRecord, Threshold
from sluice.store.ingest.place import Place
from sluice.store.moves import mark_smoke
from sluice.store.tables.deployments import SmokeResult


def write(place: Place, record: SmokeRecord) -> None:
    """Write each check and threshold, and say of the deployment whether its release was good."""
    rows = check_rows(place, "check", record.checks)
    thresholds = record.load.thresholds if record.load else ()
    rows += [_threshold(place, ordinal, each) for ordinal, each in enumerate(thresholds, start=len(rows) + 1)]
    place.copy_dicts(SmokeResult, rows)
    deployment_id = place.deployment()
    if deployment_id is not None:
        mark_smoke(place.connection, deployment_id, record.passed)


def check_rows(place: Place, kind: str, checks: Sequence[SmokeCheck]) -> list[dict[str, Any]]:
    """Return one row a check."""
    return [
        {"stage_run_id": place.stage_run_id, "ordinal": ordinal, "kind": kind, "samples": None} | check.model_dump()
        for ordinal, check in enumerate(checks, start=1)
    ]


def _threshold(place: Place, ordinal: int, threshold: Threshold) -> dict[str, Any]:
    return {
        "stage_run_id": place.stage_run_id,
        "ordinal": ordinal,
        "kind": "threshold",
        "samples": threshold.samples,
        "name": threshold.metric,
        "passed": threshold.passed,
        "expected": threshold.expression,
        "observed": "no sample" if threshold.observed is None else f"{threshold.observed:g}",
        "seconds": None,
    }
