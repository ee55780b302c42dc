"""Where rows of one stage go: the stage run, its run, its project, and how rows get there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection, func, select

from sluice.artifacts import ArtifactStore
from sluice.states import StageName, StageState
from sluice.store.tables.base import Base
from sluice.store.tables.runs import StageRun
from sluice.store.texts import storable

GOOD = (StageState.PASSED, StageState.REUSED)


@dataclass(frozen=True)
class Place:
    """The stage run that rows are written for, in the transaction of `connection`."""

    connection: Connection
    artifacts: ArtifactStore
    stage_run_id: str
    run_id: str
    project_id: int
    stage: StageName
    state: StageState
    commit: str | None
    branch: str

    def copy(self, model: type[Base], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Load rows by COPY in this transaction; return how many."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model.__tablename__), names)
        loaded = 0
        with self._cursor() as cursor, cursor.copy(command) as stream:
            for loaded, row in enumerate(rows, start=1):  # noqa: B007 - the last number is how many
                stream.write_row(row)
        return loaded

    def copy_dicts(self, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
        """Load rows that all have the same columns; nothing happens for none."""
        if rows:
            columns = tuple(rows[0])
            self.copy(model, columns, (tuple(storable(row[name], wrap=True) for name in columns) for row in rows))

    def stage_before(self, stage: StageName) -> str | None:
        """Return the stage run that produced the good result of an earlier stage of this run; None without one."""
        producer = func.coalesce(StageRun.reused_from, StageRun.id)
        query = select(producer).where(
            StageRun.run_id == self.run_id, StageRun.stage == str(stage), StageRun.state.in_(GOOD)
        )
        return self.connection.scalar(query)

    def deployment(self) -> str | None:
        """Return the id of the deployment that this run's deploy stage is about."""
        query = select(StageRun.record["deployment_id"].astext).where(
            StageRun.run_id == self.run_id, StageRun.stage == StageName.DEPLOY.value
        )
        return as_uuid(self.connection.scalar(query))

    def _cursor(self) -> Any:
        driver: Any = self.connection.connection.driver_connection
        return driver.cursor()


def as_uuid(text: str | None) -> str | None:
    """Return text that is a UUID, else None."""
    try:
        return str(UUID(text)) if text else None
    except ValueError:
        return None
