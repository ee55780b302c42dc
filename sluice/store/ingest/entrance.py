"""The door of a stage's rows: its row is locked, and what it has already taken is not taken twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from sluice.artifacts import ArtifactStore
from sluice.errors import InfrastructureError, SluiceError
from sluice.records.common import StageRecord
from sluice.records.deploy import DeployRecord
from sluice.states import StageName, StageState
from sluice.store.ingest.place import Place
from sluice.store.leases import LeaseLostError
from sluice.store.stages import OPEN
from sluice.store.tables.runs import PipelineRun, StageRun
from sluice.store.texts import storable


class StageEndedError(LeaseLostError):
    """The stage has already ended in another way: its run was taken from this process."""

    code = "STAGE_ENDED"


def enter(
    connection: Connection,
    artifacts: ArtifactStore,
    stage_run_id: str,
    record: StageRecord,
    state: StageState | None = None,
) -> tuple[Place | None, bool]:
    """Lock the stage's row; return where its rows go (None: they are there already) and whether it is amended."""
    branch = func.coalesce(PipelineRun.ref_name, PipelineRun.requested_ref).label("branch")
    columns = (StageRun.run_id, StageRun.stage, StageRun.state, StageRun.record, PipelineRun.project_id, branch)
    query = select(*columns, PipelineRun.commit_sha).join(PipelineRun).where(StageRun.id == stage_run_id)
    row = connection.execute(query.with_for_update(of=StageRun)).one_or_none()
    if row is None:
        raise SluiceError("the stage was never begun", code="STAGE_UNKNOWN", found=stage_run_id)
    if row.stage != record.STAGE:
        raise SluiceError("the record is of another stage", code="STAGE_UNKNOWN", found=record.STAGE)
    wanted = state or _state_of(record)
    amends = row.state == StageState.PASSED and _amends(row.record, record)
    if row.state not in OPEN and not amends:
        if row.state == wanted and (wanted is StageState.REJECTED or row.record == _stored(record)):
            return None, False
        raise StageEndedError(f"stage {row.stage} of run {row.run_id[:8]} has already ended: {row.state}")
    place = Place(
        connection=connection,
        artifacts=artifacts,
        stage_run_id=stage_run_id,
        run_id=row.run_id,
        project_id=row.project_id,
        stage=StageName(row.stage),
        state=wanted,
        commit=row.commit_sha,
        branch=row.branch,
    )
    return place, amends


def _state_of(record: StageRecord) -> StageState:
    if record.skipped:
        return StageState.SKIPPED
    return StageState.PASSED if record.passed else StageState.FAILED


def _stored(record: StageRecord) -> Any:
    return storable(record.model_dump(mode="json"))


def _amends(stored: dict[str, Any] | None, record: StageRecord) -> bool:
    """Tell whether `record` says what became of the candidate that was accepted before."""
    return (
        isinstance(record, DeployRecord)
        and stored is not None
        and stored.get("candidate_address") is not None
        and stored.get("deployment_id") == record.deployment_id
        and record.candidate_address is None
    )


def producer_of(connection: Connection, record: StageRecord) -> str:
    """Return the stage run that really produced `record` and had it accepted."""
    query = select(StageRun.id).where(
        StageRun.run_id == record.run_id,
        StageRun.stage == record.STAGE.value,
        StageRun.state.in_((StageState.PASSED, StageState.SKIPPED)),
    )
    found = connection.scalar(query)
    if found is None:
        raise InfrastructureError(
            f"the result of {record.STAGE} that was to be reused was never accepted",
            code="REUSE_UNKNOWN",
            found=record.run_id,
            next_step="Run again with --fresh.",
        )
    return found
