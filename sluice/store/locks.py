"""One run at a time acts on an environment: a row with a lease and a fence.

An advisory lock would be lost without a word when Postgres restarts. Here a holder that was cut off finds, at its next
write, that the fence has grown, and stops.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from sqlalchemy import Connection, Engine, or_, update
from sqlalchemy.dialects.postgresql import insert

from sluice.errors import DeployRefusedError
from sluice.store.audit import record_event
from sluice.store.engine import DatabaseUnavailableError, asking, retry_database, translated
from sluice.store.environments import environment_id, find_environment
from sluice.store.holders import Holder, holder_of, is_free, last_holder
from sluice.store.leases import RENEWAL_SECONDS, Heartbeat, LeaseLostError, clock, lease_end
from sluice.store.queue import Queue
from sluice.store.tables.environments import EnvironmentLock

POLL_SECONDS = 0.25
log = logging.getLogger(__name__)


class Fenced(Protocol):
    """Whatever carries the fence of a lock."""

    @property
    def fence(self) -> int:
        """Fence of the holder."""


@dataclass(frozen=True)
class Lease:
    """The right to change one environment. A later holder has a higher fence."""

    environment_id: int
    project: str
    environment: str
    run_id: str
    fence: int
    _lost: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)

    @property
    def lost(self) -> bool:
        """Tell whether a renewal found somebody else in its place."""
        return self._lost.is_set()


@dataclass(frozen=True)
class Wait:
    """How a run waits for an environment: for what, how long, whom it tells, and whether it gives way."""

    run_id: str
    purpose: str
    seconds: float
    waiting: Callable[[Holder], None] | None
    yields: bool


class EnvironmentLockedError(DeployRefusedError):
    """Another run kept the environment for longer than this one would wait."""

    code = "ENVIRONMENT_LOCKED"
    next_step = "Wait for that run, or stop it with `sluice cancel`, then run again."


class EnvironmentLocks:
    """The locks of environments."""

    def __init__(self, engine: Engine, renewal_seconds: float = RENEWAL_SECONDS) -> None:
        self.engine = engine
        self._renewal_seconds = renewal_seconds

    @contextmanager
    def lock(
        self,
        project: str,
        environment: str,
        run_id: str,
        purpose: str,
        wait_seconds: float,
        waiting: Callable[[Holder], None] | None = None,
        yields: bool = False,
    ) -> Iterator[Lease]:
        """Hold the environment in the block; the lease of 60 s is renewed every 15 s.

        A holder whose lease has passed, or whose run has ended, is replaced at once. `waiting` is told each holder that
        is waited for. One that `yields` gives up when a newer run wants to deploy too.

        Raises:
            SupersededError: a newer run waits, works or has deployed meanwhile; only with `yields`.
            EnvironmentLockedError: it stayed taken for `wait_seconds`; names the holder.
            LeaseLostError: at the end of the block, when somebody else had taken over meanwhile.
        """
        wait = Wait(run_id, purpose, wait_seconds, waiting, yields)
        lease = self._wait(project, environment, wait)
        beat = Heartbeat(lambda: self._renew(lease), lease._lost.set, self._renewal_seconds).start()
        try:
            yield lease
        except BaseException:
            beat.close()
            self._let_go(lease)
            raise
        beat.close()
        if not self._let_go(lease):
            raise lost(lease.environment)

    @retry_database
    def lock_holder(self, project: str, environment: str) -> Holder | None:
        """Return who holds the environment now; None when it is free."""
        with asking(self.engine) as connection:
            known = find_environment(connection, project, environment)
            return holder_of(connection, known) if known is not None else None

    def _wait(self, project: str, environment: str, wait: Wait) -> Lease:
        token = str(uuid4())
        got = self._take(project, environment, wait.run_id, wait.purpose, token)
        if isinstance(got, Lease):
            return got
        queue = Queue(self.engine, project, environment, wait.run_id, token)
        with queue.leaving():
            lease = self._queued(project, environment, wait, queue, token)
            try:
                if wait.yields:  # a newer one may have come and gone between two looks
                    queue.refuse_superseded()
            except BaseException:
                self._let_go(lease)
                raise
            return lease

    def _queued(self, project: str, environment: str, wait: Wait, queue: Queue, token: str) -> Lease:
        deadline, told = time.monotonic() + wait.seconds, -1
        while True:
            queue.enter(wait.purpose, yields=wait.yields)
            got = self._take(project, environment, wait.run_id, wait.purpose, token)
            if isinstance(got, Lease):
                return got
            if wait.yields:
                queue.refuse_superseded()
            if got is not None and got.fence != told and wait.waiting is not None:
                told = got.fence
                wait.waiting(got)
            if time.monotonic() >= deadline:
                raise EnvironmentLockedError(
                    f"environment {environment} is in use by {got or 'another run'}", where=f"{project}/{environment}"
                )
            time.sleep(min(POLL_SECONDS, max(0.01, deadline - time.monotonic())))

    @retry_database
    def _take(self, project: str, environment: str, run_id: str, purpose: str, token: str) -> Lease | Holder | None:
        with self.engine.begin() as connection:
            place = environment_id(connection, project, environment)
            row = insert(EnvironmentLock).values(environment_id=place, fence=0)
            connection.execute(row.on_conflict_do_nothing(index_elements=["environment_id"]))
            before = last_holder(connection, place)
            values = {
                "fence": EnvironmentLock.fence + 1,
                "holder_run_id": run_id,
                "purpose": purpose,
                "token": token,
                "acquired_at": clock(),
                "lease_until": lease_end(),
            }
            free = or_(is_free(), EnvironmentLock.token == token)
            take = update(EnvironmentLock).where(EnvironmentLock.environment_id == place, free)
            fence = connection.scalar(take.values(values).returning(EnvironmentLock.fence))
            if fence is None:
                return holder_of(connection, place)
            if before is not None and before.token != token:
                detail = {"run": before.run_id, "purpose": before.purpose, "environment": environment}
                record_event(connection, f"run {run_id}", "take_over", "environment", str(place), **detail)
        return Lease(place, project, environment, run_id, int(fence))

    @retry_database
    def _renew(self, lease: Lease) -> None:
        with self.engine.begin() as connection:
            confirm(connection, lease.environment_id, lease)

    def _let_go(self, lease: Lease) -> bool:
        """Free the lock; False when it was somebody else's. What cannot be freed now frees itself within 60 s."""
        try:
            with translated():
                return self._free(lease)
        except DatabaseUnavailableError:
            pass  # freed or not, nobody knows: another may hold it by now, and that is no loss of ours
        try:
            retry_database(self._free)(lease)
        except DatabaseUnavailableError as error:
            log.warning("the lock of %s frees itself later: %s", lease.environment, error)
        return True

    def _free(self, lease: Lease) -> bool:
        mine = (EnvironmentLock.environment_id == lease.environment_id, EnvironmentLock.fence == lease.fence)
        values = {"holder_run_id": None, "acquired_at": None, "lease_until": None, "token": None}
        with self.engine.begin() as connection:
            return connection.execute(update(EnvironmentLock).where(*mine).values(values)).rowcount > 0


def confirm(connection: Connection, place: int, lease: Fenced) -> None:
    """Renew the lease in this transaction; the row stays locked until it ends, so nobody comes in between.

    Raises:
        LeaseLostError: somebody else came, or the lock was let go. What this transaction wrote is undone.
    """
    mine = update(EnvironmentLock).where(
        EnvironmentLock.environment_id == place,
        EnvironmentLock.fence == lease.fence,
        EnvironmentLock.holder_run_id.is_not(None),
    )
    if connection.execute(mine.values(lease_until=lease_end())).rowcount == 0:
        raise lost(f"number {place}")


def lost(environment: str) -> LeaseLostError:
    """Return the error of a holder that was replaced."""
    return LeaseLostError(f"environment {environment} is no longer held by this run")
