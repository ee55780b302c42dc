"""What follows from what: commit, tests, release, scan, deployment, smoke test, rollback, by their natural ids."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from sluice.records.build import BuildRecord
from sluice.records.common import StageRecord
from sluice.records.deploy import DeployRecord, RollbackRecord
from sluice.records.scan import ScanRecord
from sluice.records.smoke import SmokeRecord
from sluice.records.testing import TestRecord
from sluice.states import StageName
from sluice.store.ingest.place import Place, as_uuid
from sluice.store.tables.deployments import Rollback
from sluice.store.tables.evidence import LineageEdge

COLUMNS = ("from_kind", "from_id", "relation", "to_kind", "to_id")
Edge = tuple[str, str | None, str, str, str | None]


def write_edges(place: Place, record: StageRecord, producer: str) -> None:
    """Write the edges that a record stands for; `producer` is the stage run that made it (another when reused)."""
    known = sorted({edge for edge in _edges(place, record, producer) if edge[1] and edge[4]})
    if known:
        owner = {"project_id": place.project_id, "stage_run_id": place.stage_run_id}
        rows = [owner | dict(zip(COLUMNS, edge, strict=True)) for edge in known]
        place.connection.execute(insert(LineageEdge).on_conflict_do_nothing(), rows)


def _edges(place: Place, record: StageRecord, producer: str) -> Iterator[Edge]:
    match record:
        case TestRecord():
            yield ("commit", place.commit, "tested_by", "test", producer)
        case BuildRecord():
            digest = record.release.digest
            yield ("commit", place.commit, "built_into", "release", digest)
            yield ("test", place.stage_before(StageName.TEST), "proves", "release", digest)
        case ScanRecord():
            yield ("release", record.scanned_digest, "scanned_by", "scan", producer)
        case DeployRecord():
            yield ("release", record.release.digest, "deployed_as", "deployment", record.deployment_id)
            yield ("scan", place.stage_before(StageName.SCAN), "clears", "deployment", record.deployment_id)
        case SmokeRecord():
            yield ("deployment", place.deployment(), "smoked_by", "smoke", producer)
        case RollbackRecord():
            yield from _rollback(place, record)


def _rollback(place: Place, record: RollbackRecord) -> Iterator[Edge]:
    undone = select(Rollback.deployment_id).where(Rollback.id == as_uuid(record.rollback_id))
    deployment = place.deployment() or place.connection.scalar(undone)
    yield ("deployment", deployment, "undone_by", "rollback", record.rollback_id)
    yield ("rollback", record.rollback_id, "restores", "release", record.release.digest if record.release else None)
