"""Runs that wait for an environment: the newest deploy wins, the others are told that they are superseded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, text

from sluice.errors import DeployRefusedError
from sluice.store.engine import DatabaseUnavailableError, retry_database
from sluice.store.environments import environment_id

# A run never deploys over a newer one that waits too, that is at work, or that deployed while this one waited.
_NEWER = text("""
    WITH me AS (SELECT number FROM pipeline_runs WHERE id = CAST(:run AS uuid)),
    others AS (
        SELECT w.run_id FROM environment_waiters w
        WHERE w.environment_id = :place AND w.yields AND w.seen_at > clock_timestamp() - interval '60 s'
        UNION ALL
        SELECT l.holder_run_id FROM environment_locks l
        WHERE l.environment_id = :place AND l.purpose LIKE 'deploy%' AND l.lease_until > clock_timestamp()
        UNION ALL
        SELECT d.run_id FROM deployments d JOIN environment_waiters w ON w.token = CAST(:token AS uuid)
        WHERE d.environment_id = :place AND d.state IN ('started', 'serving') AND d.started_at > w.since
    )
    SELECT r.id::text FROM others JOIN pipeline_runs r ON r.id = others.run_id
    WHERE r.number > (SELECT number FROM me) AND (r.ended_at IS NULL OR r.state = 'passed')
    ORDER BY r.number DESC LIMIT 1
""")
_ENTER = text("""
    INSERT INTO environment_waiters (token, environment_id, run_id, purpose, yields)
    VALUES (CAST(:token AS uuid), :place, CAST(:run AS uuid), :purpose, :yields)
    ON CONFLICT (token) DO UPDATE SET seen_at = clock_timestamp()
""")
_LEAVE = text("DELETE FROM environment_waiters WHERE token = CAST(:token AS uuid)")
_DEAD = text("DELETE FROM environment_waiters WHERE seen_at < clock_timestamp() - interval '1 h'")


class SupersededError(DeployRefusedError):
    """A newer run deploys to the environment, so this one need not."""

    code = "SUPERSEDED"
    next_step = "Nothing is to be done: the newer run brings this commit's successor."


class Queue:
    """The wait of one run for one environment."""

    def __init__(self, engine: Engine, project: str, environment: str, run_id: str, token: str) -> None:
        self._engine = engine
        self._names = (project, environment)
        self._values = {"run": run_id, "token": token}

    @retry_database
    def enter(self, purpose: str, *, yields: bool) -> None:
        """Say that this run waits, or still does."""
        with self._engine.begin() as connection:
            values = {**self._values, "place": environment_id(connection, *self._names)}
            connection.execute(_DEAD)
            connection.execute(_ENTER, {**values, "purpose": purpose, "yields": yields})

    @retry_database
    def refuse_superseded(self) -> None:
        """Raise SupersededError when a newer run deploys, will deploy, or has deployed meanwhile."""
        with self._engine.begin() as connection:
            values = {**self._values, "place": environment_id(connection, *self._names)}
            newer = connection.scalar(_NEWER, values)
        if newer is not None:
            raise SupersededError(
                f"run {newer[:8]} is newer and deploys to {self._names[1]}", where="/".join(self._names)
            )

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Forget the wait at the end of the block; what cannot be written is forgotten by itself later."""
        try:
            yield
        finally:
            with suppress(DatabaseUnavailableError), self._engine.begin() as connection:
                connection.execute(_LEAVE, self._values)
