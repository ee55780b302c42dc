"""Runs: opened once, owned under a lease, ended once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Text, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert

from sluice.errors import CancelledRunError, SluiceError
from sluice.states import RunState, StageName
from sluice.store.audit import record_event
from sluice.store.endings import OPEN, end_run, lease_over, open_run_row
from sluice.store.engine import asking, retry_database
from sluice.store.guard import refuse_migrated
from sluice.store.leases import LeaseLostError, clock, lease_end
from sluice.store.months import make_months
from sluice.store.projects import project_id
from sluice.store.stages import Accepted, StageRuns, open_stages
from sluice.store.tables.runs import PipelineRun, Project
from sluice.store.texts import storable, storable_text

__all__ = ["Accepted", "ActiveRun", "RunEndedError", "RunStore", "RunTakenError"]


class RunEndedError(CancelledRunError):
    """The run has already reached a final state; final is final."""

    code = "RUN_ENDED"
    next_step = "Start a new run with `sluice run`."


class RunTakenError(SluiceError):
    """Another living process works on the run."""

    code = "RUN_TAKEN"
    exit_code = CancelledRunError.exit_code
    next_step = "Nothing to do: the run goes on there."


@dataclass(frozen=True)
class ActiveRun:
    """A run that has not ended. `expired`: its owner has not renewed its lease in time."""

    run_id: str
    project: str
    state: RunState
    owner: str
    prefect_flow_run_id: str | None
    created_at: datetime
    lease_until: datetime | None
    expired: bool
    cancel_requested: bool


class RunStore(StageRuns):
    """The rows of runs and of their stages. Every method is one transaction and may be repeated."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)

    @retry_database
    def open_run(
        self,
        run_id: str,
        *,
        project: str,
        repository: str,
        requested_ref: str,
        trigger: str,
        requested_by: str = "",
        kind: str = "pipeline",
        request: Mapping[str, Any] | None = None,
        prefect_flow_run_id: str | None = None,
        resumes: str | None = None,
    ) -> str:
        """Open a run as `queued`; opening it again changes nothing. Return its id."""
        with self.engine.begin() as connection:
            row = insert(PipelineRun).values(
                id=run_id,
                project_id=project_id(connection, project, repository if kind == "pipeline" else None),
                kind=kind,
                repository=storable_text(repository),
                requested_ref=storable_text(requested_ref),
                trigger=str(trigger),
                requested_by=storable_text(requested_by),
                request=storable(dict(request or {})),
                prefect_flow_run_id=prefect_flow_run_id,
                resumes=select(PipelineRun.id).where(PipelineRun.id == resumes).scalar_subquery(),
            )
            connection.execute(row.on_conflict_do_nothing(index_elements=["id"]))
        return run_id

    @retry_database
    def start_run(self, run_id: str, *, owner: str, prefect_flow_run_id: str | None = None) -> int:
        """Take the run: it is `running` and leased to `owner` from now on. Return the fence of this owner.

        Raises:
            RunEndedError: it has ended, for example because it was cancelled while it was queued.
            RunTakenError: another owner holds a living lease.
        """
        free = or_(PipelineRun.state == RunState.QUEUED, PipelineRun.owner == owner, lease_over())
        values = {
            "state": RunState.RUNNING,
            "owner": owner,
            "fence": PipelineRun.fence + 1,
            "lease_until": lease_end(),
            "started_at": func.coalesce(PipelineRun.started_at, func.greatest(PipelineRun.created_at, clock())),
            "prefect_flow_run_id": func.coalesce(
                literal(prefect_flow_run_id, PipelineRun.prefect_flow_run_id.type), PipelineRun.prefect_flow_run_id
            ),
        }
        with self.engine.begin() as connection:
            refuse_migrated(connection)
            taken = open_run_row(run_id).where(free).values(values).returning(PipelineRun.fence)
            fence = connection.scalar(taken)
            if fence is None:
                raise _refusal(connection, run_id)
        make_months(self.engine)
        return int(fence)

    @retry_database
    def renew_lease(self, run_id: str, fence: int | None = None) -> bool:
        """Renew the run's lease for 60 s; return whether somebody asked to cancel it.

        Raises:
            LeaseLostError: the run has ended, or (with `fence`) has another owner.
        """
        query = open_run_row(run_id).where(PipelineRun.state == RunState.RUNNING)
        if fence is not None:
            query = query.where(PipelineRun.fence == fence)
        values = {"lease_until": lease_end()}
        with self.engine.begin() as connection:
            row = connection.execute(query.values(values).returning(PipelineRun.cancel_requested_at)).one_or_none()
        if row is None:
            raise LeaseLostError(f"run {run_id[:8]} is no longer this process's")
        return row.cancel_requested_at is not None

    @retry_database
    def request_cancel(self, run_id: str, by: str) -> bool:
        """Ask the run's owner to stop; return False when the run has already ended."""
        values = {"cancel_requested_at": clock(), "cancel_requested_by": by}
        with self.engine.begin() as connection:
            asked = connection.execute(open_run_row(run_id).values(values)).rowcount > 0
            if asked:
                record_event(connection, by, "cancel", "run", run_id, run_id=run_id)
        return asked

    @retry_database
    def set_commit(self, run_id: str, *, commit: str, ref_kind: str, ref_name: str, project: str | None = None) -> None:
        """Say what the requested ref was resolved to; and of which project it is, once its configuration is read."""
        values: dict[str, Any] = {"commit_sha": commit, "ref_kind": str(ref_kind), "ref_name": ref_name}
        known = select(Project.name, PipelineRun.repository).join(PipelineRun).where(PipelineRun.id == run_id)
        with self.engine.begin() as connection:
            row = connection.execute(known).one_or_none() if project is not None else None
            if project is not None and row is not None and row.name != project:
                values["project_id"] = project_id(connection, project, row.repository)
            connection.execute(open_run_row(run_id).values(values))

    @retry_database
    def set_plan(
        self, run_id: str, plan: Mapping[str, Any], config: Mapping[str, Any], stages: Sequence[StageName] = ()
    ) -> None:
        """Keep the plan and the configuration; the stages of the plan appear as `pending`."""
        with self.engine.begin() as connection:
            connection.execute(open_run_row(run_id).values(plan=storable(dict(plan)), config=storable(dict(config))))
            open_stages(connection, run_id, stages)

    @retry_database
    def finish_run(self, run_id: str, state: RunState, reason: str, exit_code: int) -> bool:
        """End the run and all its open stages; return False when it had already ended (nothing changes then)."""
        with self.engine.begin() as connection:
            return end_run(connection, open_run_row(run_id), run_id, state, reason, exit_code)

    @retry_database
    def active_runs(self) -> tuple[ActiveRun, ...]:
        """Return all runs that have not ended, oldest first."""
        columns = (
            PipelineRun.id.label("run_id"),
            Project.name.label("project"),
            PipelineRun.state,
            PipelineRun.owner,
            PipelineRun.prefect_flow_run_id,
            PipelineRun.created_at,
            PipelineRun.lease_until,
            func.coalesce(lease_over(), False).label("expired"),
            PipelineRun.cancel_requested_at.is_not(None).label("cancel_requested"),
        )
        query = select(*columns).join(Project).where(PipelineRun.state.in_(OPEN)).order_by(PipelineRun.number)
        with asking(self.engine) as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(ActiveRun(**{**row, "state": RunState(row["state"])}) for row in rows)

    def expired_runs(self) -> tuple[ActiveRun, ...]:
        """Return the running runs whose owner is dead: its lease has passed."""
        return tuple(run for run in self.active_runs() if run.expired)

    @retry_database
    def ended(self, run_ids: Collection[str]) -> frozenset[str]:
        """Return which of these runs have ended; ids that name no run are not among them."""
        query = select(cast(PipelineRun.id, Text)).where(
            cast(PipelineRun.id, Text).in_(run_ids), PipelineRun.state.not_in(OPEN)
        )
        with asking(self.engine) as connection:
            return frozenset(connection.scalars(query))

    @retry_database
    def mark_lost(self, run_id: str, reason: str) -> bool:
        """End a run whose owner is dead, unless it renewed its lease meanwhile; return whether it is lost now."""
        with self.engine.begin() as connection:
            ended = end_run(connection, open_run_row(run_id).where(lease_over()), run_id, RunState.LOST, reason, 20)
            if ended:
                record_event(connection, "sluice", "mark_lost", "run", run_id, run_id=run_id, reason=reason)
            return connection.scalar(select(PipelineRun.state).where(PipelineRun.id == run_id)) == RunState.LOST


def _refusal(connection: Connection, run_id: str) -> SluiceError:
    query = select(PipelineRun.state, PipelineRun.owner).where(PipelineRun.id == run_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return SluiceError(f"run {run_id} was never opened", code="RUN_UNKNOWN")
    if RunState(row.state).terminal:
        return RunEndedError(f"run {run_id[:8]} has already ended: {row.state}")
    return RunTakenError(f"run {run_id[:8]} is being worked on by {row.owner}")
