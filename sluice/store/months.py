"""The months that the big tables are split into: there before they begin, dropped whole when they are old."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from sluice.store.audit import record_event
from sluice.store.engine import DatabaseUnavailableError, asking, reading, translated
from sluice.store.rollups import roll_up

AHEAD = 2  # of these, a run that finds one missing makes all
LOCK_LIMIT = "2s"
MISSING = text("SELECT sluice_months_missing(:months)")
MAKE = text("SELECT sluice_make_partitions(:months)")
OLD = text("SELECT partition, table_name, until, bytes FROM v_months WHERE until <= :before ORDER BY until, partition")
STRAYS = text("SELECT partition, table_name, until, bytes FROM v_months WHERE until IS NULL ORDER BY partition")
CUTOFF = text("SELECT now() - make_interval(days => :days)")
DROP = text("SELECT sluice_drop_month(:partition, :before)")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Month:
    """A month of a table that is split. `until`: None for the default one, which takes what a wrong clock brings."""

    partition: str
    table_name: str
    until: datetime | None
    bytes: int


def make_months(engine: Engine, months: int = AHEAD) -> bool:
    """Make this month and those to come where one is missing; return whether all are there.

    Rows of a month that is not there go to the default partition, so a lock that is held elsewhere fails nothing.
    """
    with asking(engine) as connection:
        if not connection.scalar(MISSING, {"months": months}):
            return True
    try:
        with translated(), engine.begin() as connection:
            _patience(connection)
            connection.execute(MAKE, {"months": months})
    except DatabaseUnavailableError as busy:
        log.warning("the months ahead were not made now: %s", busy)
        return False
    return True


def old_months(engine: Engine, keep_days: int) -> tuple[Month, ...]:
    """Return the months that ended more than `keep_days` ago, oldest first."""
    with reading(engine) as connection:
        before = connection.scalar(CUTOFF, {"days": keep_days})
        rows = connection.execute(OLD, {"before": before}).mappings().all()
    return tuple(Month(**row) for row in rows)


def drop_old_months(engine: Engine, keep_days: int, actor: str) -> tuple[Month, ...]:
    """Drop each month that ended more than `keep_days` ago, in a transaction of its own; return those.

    Roll-ups, executions, runs and everything else that is not split by month stay.

    Raises:
        DatabaseUnavailableError: a long question holds one of them; those before it are dropped.
    """
    dropped = old_months(engine, keep_days)
    if dropped:
        roll_up(engine)
    for month in dropped:
        with translated(), engine.begin() as connection:
            _patience(connection)
            before = connection.scalar(CUTOFF, {"days": keep_days})
            connection.execute(DROP, {"partition": month.partition, "before": before})
            record_event(connection, actor, "drop_month", "table", month.partition, keep_days=str(keep_days))
    return dropped


def delete_strays(engine: Engine, keep_days: int) -> int:
    """Delete what is older than `keep_days` from the default partitions; return how many rows."""
    deleted = 0
    roll_up(engine)
    with translated(), engine.begin() as connection:
        before = connection.scalar(CUTOFF, {"days": keep_days})
        for row in connection.execute(STRAYS).mappings().all():
            deleted += int(connection.scalar(DROP, {"partition": row["partition"], "before": before}) or 0)
    return deleted


def _patience(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_LIMIT}'"))
