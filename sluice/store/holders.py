"""Who holds an environment now, and whether that counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from sluice.store.leases import clock
from sluice.store.tables.environments import EnvironmentLock
from sluice.store.tables.runs import PipelineRun


@dataclass(frozen=True)
class Holder:
    """Who holds an environment, since when, for what."""

    run_id: str
    purpose: str
    since: datetime
    fence: int
    token: str | None = None

    def __str__(self) -> str:
        """Return it as a person wants to read it."""
        return f"run {self.run_id[:8]} ({self.purpose}) since {self.since:%Y-%m-%d %H:%M:%S} UTC"


def is_free() -> ColumnElement[bool]:
    """Return the condition that nobody alive holds an environment."""
    ended = exists().where(
        PipelineRun.id == EnvironmentLock.holder_run_id, PipelineRun.ended_at > EnvironmentLock.acquired_at
    )
    return or_(EnvironmentLock.holder_run_id.is_(None), EnvironmentLock.lease_until < clock(), ended)


def holder_of(connection: Connection, place: int) -> Holder | None:
    """Return the holder that has to be waited for."""
    return _read(connection, place, ~is_free())


def last_holder(connection: Connection, place: int) -> Holder | None:
    """Return who never let go, alive or not."""
    return _read(connection, place, EnvironmentLock.holder_run_id.is_not(None))


def _read(connection: Connection, place: int, condition: ColumnElement[bool]) -> Holder | None:
    columns = (EnvironmentLock.holder_run_id, EnvironmentLock.purpose, EnvironmentLock.acquired_at)
    query = select(*columns, EnvironmentLock.fence, EnvironmentLock.token).where(
        EnvironmentLock.environment_id == place, condition
    )
    row = connection.execute(query).one_or_none()
    if row is None or row.holder_run_id is None or row.acquired_at is None:
        return None
    return Holder(row.holder_run_id, row.purpose, row.acquired_at, row.fence, row.token)
