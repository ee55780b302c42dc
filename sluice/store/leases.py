"""Leases: rights that end by themselves when their holder dies, renewed while it lives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy import ColumnElement, Date, DateTime, Interval, Text, cast, func, literal

from sluice.errors import CancelledRunError, TransientError

TTL_SECONDS = 60
RENEWAL_SECONDS = 15.0
log = logging.getLogger(__name__)


class LeaseLostError(CancelledRunError):
    """Somebody else holds, or has settled, what this process was at work on; its writes are refused."""

    code = "LEASE_LOST"
    next_step = "Another run took over while this one was cut off; `sluice runs` shows it."


def lease_end() -> ColumnElement[object]:
    """Return the end of a lease that begins or is renewed now, by the database's clock."""
    return clock() + cast(literal(f"{TTL_SECONDS} seconds", Text), Interval)


def clock() -> ColumnElement[object]:
    """Return the database's time now; `now()` would be the time when the transaction began."""
    return func.clock_timestamp(type_=DateTime(timezone=True))


def today() -> ColumnElement[object]:
    """Return the database's day now, in UTC."""
    return func.date(func.timezone("UTC", clock()), type_=Date())


class Heartbeat:
    """Calls `renew` every 15 s in a thread until closed.

    Args:
        renew: renews the lease; raises :class:`LeaseLostError` when it is somebody else's, `TransientError` while
            Postgres is away (tried again at the next beat: the fence tells whether anybody came in between).
        lost: told once when the lease is lost.
    """

    def __init__(self, renew: Callable[[], object], lost: Callable[[], None], seconds: float = RENEWAL_SECONDS) -> None:
        self._renew = renew
        self._lost = lost
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="sluice-lease", daemon=True)

    def start(self) -> Heartbeat:
        """Begin to beat; return self."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop, and wait for a beat under way."""
        self._stop.set()
        self._thread.join(timeout=self._seconds)

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._renew()
            except LeaseLostError:
                self._lost()
                return
            except TransientError as error:
                log.warning("a lease could not be renewed: %s", error)
