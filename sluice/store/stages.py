"""Stages of runs: begun, failed, skipped, and found again by their key."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, Text, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from sluice.states import StageName, StageState
from sluice.store.engine import asking, retry_database
from sluice.store.leases import clock
from sluice.store.tables.runs import PipelineRun, Project, StageArtifact, StageKey, StageRun
from sluice.store.texts import storable_text

ORDER = {stage: place for place, stage in enumerate(StageName, start=1)}
OPEN = (StageState.PENDING, StageState.RUNNING)
KEY = ("run_id", "stage")


@dataclass(frozen=True)
class Accepted:
    """An accepted result that may be reused, and the files (SHA-256) that it needs."""

    run_id: str
    stage_run_id: str
    artifacts: tuple[str, ...]


class StageRuns:
    """The rows of stages. A stage is opened once a run; final states are final."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @retry_database
    def start_stage(self, run_id: str, stage: StageName) -> str:
        """Begin a stage, or begin it again after a retry; return the id of its row."""
        began = {"state": StageState.RUNNING.value, "attempts": 1, "started_at": clock()}
        again = {
            "state": case((StageRun.state == StageState.PENDING, StageState.RUNNING.value), else_=StageRun.state),
            "attempts": StageRun.attempts + 1,
            "started_at": func.coalesce(StageRun.started_at, clock()),
        }
        row = insert(StageRun).values(**_row(run_id, stage), **began)
        begun = row.on_conflict_do_update(index_elements=KEY, set_=again, where=StageRun.state.in_(OPEN))
        with self.engine.begin() as connection:
            found = connection.scalar(begun.returning(StageRun.id))
            return str(found) if found is not None else _id_of(connection, run_id, stage)

    @retry_database
    def fail_stage(self, stage_run_id: str, state: StageState, reason: str) -> bool:
        """End a stage that handed over no record; return False when it had already ended."""
        with self.engine.begin() as connection:
            return close_stage(connection, stage_run_id, state, reason)

    @retry_database
    def skip_stage(self, run_id: str, stage: StageName, reason: str) -> str:
        """Say that a stage does not run, and why; return the id of its row."""
        with self.engine.begin() as connection:
            stage_run_id = open_stage(connection, run_id, stage)
            close_stage(connection, stage_run_id, StageState.SKIPPED, reason)
        return stage_run_id

    @retry_database
    def find_accepted(self, project: str, stage: StageName, key: str) -> Accepted | None:
        """Return the newest accepted, passed result under `key` of a stage run that really did the work.

        A result that was accepted only by a waiver is found as long as the waiver lasts.
        """
        from sluice.store.lapsed import lapsed  # only whoever works on a run needs these tables

        files = (
            select(func.array_agg(StageArtifact.sha256.distinct()))
            .where(StageArtifact.stage_run_id == StageRun.id)
            .scalar_subquery()
        )
        nothing = literal([], ARRAY(Text))
        query = (
            select(StageRun.run_id, StageRun.id, func.coalesce(files, nothing).label("files"))
            .join(StageKey, StageKey.stage_run_id == StageRun.id)
            .join(PipelineRun, PipelineRun.id == StageRun.run_id)
            .join(Project, Project.id == PipelineRun.project_id)
            .where(Project.name == project, StageRun.stage == str(stage), StageKey.key == key)
            .where(StageRun.state == StageState.PASSED, StageKey.produced_by == StageRun.run_id, ~lapsed())
            .order_by(StageRun.number.desc())
            .limit(1)
        )
        with asking(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        return Accepted(row.run_id, row.id, tuple(row.files)) if row else None

    @retry_database
    def files_gone(self, run_id: str, stage: StageName, accepted: Accepted, gone: Collection[str]) -> None:
        """Say with a stage that the earlier result could not be reused, because files of it are gone."""
        names = select(func.string_agg(StageArtifact.name.distinct(), ", ")).where(
            StageArtifact.stage_run_id == accepted.stage_run_id, StageArtifact.sha256.in_(gone)
        )
        words = literal("its files are gone: ") + func.coalesce(names.scalar_subquery(), "")
        mine = update(StageRun).where(StageRun.run_id == run_id, StageRun.stage == str(stage))
        with self.engine.begin() as connection:
            connection.execute(mine.values(not_reused=words))


def open_stages(connection: Connection, run_id: str, stages: Iterable[StageName]) -> None:
    """Make the run's rows of `stages` as `pending`, where there are none."""
    rows = [_row(run_id, stage) for stage in stages]
    if rows:
        connection.execute(insert(StageRun).values(rows).on_conflict_do_nothing(index_elements=KEY))


def open_stage(connection: Connection, run_id: str, stage: StageName) -> str:
    """Return the id of the run's row of `stage`, made as `pending` when there is none."""
    open_stages(connection, run_id, [stage])
    return _id_of(connection, run_id, stage)


def _row(run_id: str, stage: StageName) -> dict[str, Any]:
    return {"id": str(uuid4()), "run_id": run_id, "stage": str(stage), "ordinal": ORDER[StageName(stage)]}


def _id_of(connection: Connection, run_id: str, stage: StageName) -> str:
    query = select(StageRun.id).where(StageRun.run_id == run_id, StageRun.stage == str(stage))
    return str(connection.execute(query).scalar_one())


def close_stage(connection: Connection, stage_run_id: str, state: StageState, reason: str) -> bool:
    """End an open stage without a record; return False when it had already ended."""
    values = {
        "state": str(state),
        "reason": storable_text(reason),
        "ended_at": func.greatest(StageRun.started_at, clock()),
    }
    closing = update(StageRun).where(StageRun.id == stage_run_id, StageRun.state.in_(OPEN)).values(values)
    return connection.execute(closing).rowcount > 0
