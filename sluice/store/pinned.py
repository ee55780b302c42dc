"""What a run recorded of its inputs and its accepted stages: what another run needs to go on from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select

from sluice.states import RunState, StageName, StageState
from sluice.store.endings import lease_over
from sluice.store.engine import asking, retry_database
from sluice.store.lapsed import lapsed
from sluice.store.tables.runs import PipelineRun, StageRun

GOOD = (StageState.PASSED, StageState.REUSED)


@dataclass(frozen=True)
class Pinned:
    """A run as it can be taken up again. `records`: stage → record as it was accepted, also of what is true and bad.

    `accepted` names the stages whose record is good, and not accepted only by a waiver that is over now. `dead`: it has
    not ended, and its owner let its lease run out.
    """

    run_id: str
    kind: str
    state: RunState
    owner: str
    lease_until: datetime | None
    dead: bool
    repository: str
    requested_ref: str
    request: Mapping[str, Any]
    commit: str | None
    ref_kind: str | None
    ref_name: str | None
    config: Mapping[str, Any] | None
    plan: Mapping[str, Any] | None
    records: Mapping[StageName, Mapping[str, Any]]
    accepted: frozenset[StageName]


@retry_database
def pinned(engine: Engine, run_id: str) -> Pinned | None:
    """Return what run `run_id` recorded; None when there is no such run."""
    columns = (
        PipelineRun.kind,
        PipelineRun.state,
        PipelineRun.owner,
        PipelineRun.lease_until,
        func.coalesce(lease_over(), False).label("dead"),
        PipelineRun.repository,
        PipelineRun.requested_ref,
        PipelineRun.request,
        PipelineRun.commit_sha.label("commit"),
        PipelineRun.ref_kind,
        PipelineRun.ref_name,
        PipelineRun.config,
        PipelineRun.plan,
    )
    stages = select(StageRun.stage, StageRun.state, StageRun.record, lapsed().label("lapsed")).where(
        StageRun.run_id == run_id, StageRun.record.is_not(None)
    )
    with asking(engine) as connection:
        row = connection.execute(select(*columns).where(PipelineRun.id == run_id)).mappings().one_or_none()
        found = connection.execute(stages).all()
    if row is None:
        return None
    return Pinned(
        **{**row, "state": RunState(row["state"])},
        run_id=run_id,
        records={StageName(stage.stage): stage.record for stage in found},
        accepted=frozenset(StageName(stage.stage) for stage in found if stage.state in GOOD and not stage.lapsed),
    )
