"""The tests that a project is known to have, kept up as executions come.

A test that is known already costs one write a day: writers of one project do not wait for each other's rows, and
`v_known_tests` finds the very run in the results since that day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from sluice.results.identity import key_of_test, split_name, stored_id
from sluice.store.ingest.place import Place

BATCH = 2_000
SORTED = 200_000  # new tests that are put into one order before they are written; more come as the report has them

MINE = "FROM test_results r WHERE r.execution_id = :execution AND r.start_time = :started"
UNKNOWN = f"{MINE} AND NOT EXISTS (SELECT FROM tests t WHERE t.key = r.test_key)"
NEW = text(f"SELECT r.test_key::text {UNKNOWN}")
HOW_MANY = text(f"SELECT count(*) {UNKNOWN}")
ADD = text("""
INSERT INTO tests (key, project_id, test_id, suite, file, classname, name, parameters, occurrence,
                   first_seen_run_id, first_seen_at, last_seen_on)
SELECT new.key, :project, new.test_id, new.suite, nullif(new.file, ''), new.classname, new.name, new.parameters,
       new.occurrence, CAST(:run AS uuid), :started, CAST(:day AS date)
FROM unnest(CAST(:keys AS uuid[]), CAST(:ids AS text[]), CAST(:suites AS text[]), CAST(:files AS text[]),
            CAST(:classnames AS text[]), CAST(:names AS text[]), CAST(:parameters AS text[]),
            CAST(:occurrences AS bigint[]))
     AS new (key, test_id, suite, file, classname, name, parameters, occurrence)
ON CONFLICT DO NOTHING
""")
# Who holds a row, writes the same day into it.
SEEN = text(f"""
UPDATE tests t SET last_seen_on = CAST(:day AS date)
FROM (
    SELECT known.key FROM tests known
    WHERE known.project_id = :project AND known.last_seen_on < CAST(:day AS date)
      AND known.key IN (SELECT r.test_key {MINE})
    ORDER BY known.key FOR UPDATE SKIP LOCKED
) mine
WHERE t.key = mine.key
""")  # noqa: S608


def keep(place: Place, execution_id: str, started: datetime, read: Callable[[], Iterator[list[str]]]) -> None:
    """Add the tests that this execution ran for the first time, and mark the day for those that are known.

    Args:
        place: where the results of the execution have just been written.
        execution_id: the execution.
        started: its start, as in the results.
        read: gives the rows of its cases again.
    """
    day = started.astimezone(UTC).date()
    values = {"execution": execution_id, "started": started, "project": place.project_id, "day": day}
    count = place.connection.scalar(HOW_MANY, values) or 0
    some = {key.replace("-", "") for key in place.connection.scalars(NEW, values)} if 0 < count <= SORTED else None
    found: list[tuple[Any, ...]] = []
    for row in _tests(place, read(), some) if count else ():
        found.append(row)
        if some is None and len(found) >= BATCH:
            _add(place, found, values)
            found = []
    found.sort()  # two writers of one suite meet in one order
    for at in range(0, len(found), BATCH):
        _add(place, found[at : at + BATCH], values)
    place.connection.execute(SEEN, values)


def _tests(place: Place, rows: Iterator[list[str]], some: set[str] | None) -> Iterator[tuple[Any, ...]]:
    """Yield what the table holds of the tests in `some`, of all for None."""
    for _ordinal, suite, classname, name, file, _line, _status, _seconds, _message, _detail, occurrence, _notes in rows:
        key = key_of_test(place.project_id, suite, file, classname, name, occurrence)
        if some is None or key in some:
            yield key, stored_id(classname, name), suite, file, classname, *split_name(name), int(occurrence)


def _add(place: Place, found: list[tuple[Any, ...]], values: dict[str, Any]) -> None:
    names = ("keys", "ids", "suites", "files", "classnames", "names", "parameters", "occurrences")
    columns = dict(zip(names, map(list, zip(*found, strict=True)), strict=True))
    place.connection.execute(ADD, values | columns | {"run": place.run_id})
