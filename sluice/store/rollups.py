"""Test results rolled up by week, a little at a time, aside from the writers."""

from __future__ import annotations

import time

from sqlalchemy import Engine, text

from sluice.store.engine import allow_long, translated

CASES_AT_ONCE = 200_000
ROLL_UP = text("SELECT sluice_roll_up(:cases)")


def roll_up(engine: Engine, *, seconds: float | None = None, cases: int = CASES_AT_ONCE) -> int:
    """Roll up what is not yet, until nothing is left or `seconds` are over; return how many executions.

    Each step is a transaction of its own. Two of these at once do not wait for one another: the second does nothing.
    """
    began, done = time.monotonic(), 0
    while seconds is None or time.monotonic() - began < seconds:
        with translated(), engine.begin() as connection:
            allow_long(connection)
            step = int(connection.scalar(ROLL_UP, {"cases": cases}) or 0)
        if not step:
            break
        done += step
    return done
