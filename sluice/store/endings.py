"""How runs end: once, with all their stages."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Update, and_, case, func, or_, update

from sluice.states import RunState, StageState
from sluice.store.leases import clock
from sluice.store.tables.runs import PipelineRun, StageRun
from sluice.store.texts import storable_text

OPEN = (RunState.QUEUED, RunState.RUNNING)
LEASELESS_SECONDS = 60  # a running run without any lease counts as dead after this
NEVER_BEGUN = "the run ended before this stage"


def open_run_row(run_id: str) -> Update:
    """Return an update of the run's row that does nothing once the run has ended."""
    return update(PipelineRun).where(PipelineRun.id == run_id, PipelineRun.state.in_(OPEN))


def lease_over() -> ColumnElement[bool]:
    """Tell of a run's row whether its owner is dead."""
    begun = func.coalesce(PipelineRun.started_at, PipelineRun.created_at)
    leaseless = clock() - func.make_interval(0, 0, 0, 0, 0, 0, LEASELESS_SECONDS)
    over = or_(PipelineRun.lease_until < clock(), and_(PipelineRun.lease_until.is_(None), begun < leaseless))
    return and_(PipelineRun.state == RunState.RUNNING, over)


def end_run(connection: Connection, query: Update, run_id: str, state: RunState, reason: str, exit_code: int) -> bool:
    """End the run that `query` still finds open, and its open stages; return whether there was one."""
    values = {
        "state": state,
        "reason": storable_text(reason),
        "exit_code": exit_code,
        "lease_until": None,
        "fence": PipelineRun.fence + 1,
        "ended_at": func.greatest(PipelineRun.created_at, PipelineRun.started_at, clock()),
    }
    ended = connection.execute(query.values(values)).rowcount > 0
    if ended:
        left = state if state in (RunState.CANCELLED, RunState.LOST) else StageState.ERRORED
        pending = StageRun.state == StageState.PENDING
        stages = {
            "state": case((pending, StageState.SKIPPED.value), else_=str(left)),
            "reason": case((pending, NEVER_BEGUN), else_=storable_text(reason)),
            "ended_at": func.greatest(StageRun.started_at, clock()),
        }
        open_stages = StageRun.state.in_((StageState.PENDING, StageState.RUNNING))
        connection.execute(update(StageRun).where(StageRun.run_id == run_id, open_stages).values(stages))
    return ended
