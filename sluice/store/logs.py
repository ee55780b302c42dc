"""Rows of stages' logs: written behind the file, read by whoever reaches the database, searched over all runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.dialects.postgresql import insert

from sluice.logs.chunks import Chunk, Mark
from sluice.states import StageName
from sluice.store.engine import asking, reading
from sluice.store.tables.logs import TestLog

STAGE = "SELECT id::text AS id, created_at FROM stage_runs WHERE run_id = :run AND stage = :stage"
# Of one stage and, by the time of its row, of one month: the newest piece is the first of the primary key from behind.
LAST = """
SELECT start_byte, end_byte, first_line, lines, plain, raw FROM test_logs
WHERE stage_run_id = :id AND started_at = :created ORDER BY start_byte DESC LIMIT 1
"""
PIECES = """
SELECT l.start_byte, l.end_byte, l.first_line, l.lines, l.plain, l.raw FROM stage_runs s
JOIN test_logs l ON l.stage_run_id = s.id AND l.started_at = s.created_at
WHERE s.run_id = :run AND s.stage = :stage AND l.start_byte >= :byte ORDER BY l.start_byte LIMIT :most
"""
SEARCH = """
SELECT p.name AS project, coalesce(r.ref_name, r.requested_ref) AS ref, r.id::text AS run_id, s.stage,
       l.first_line + n.place - 1 AS line, n.words AS text
FROM test_logs l
JOIN stage_runs s ON s.id = l.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = r.project_id
CROSS JOIN LATERAL unnest(string_to_array(l.plain, chr(10))) WITH ORDINALITY AS n(words, place)
WHERE l.plain ILIKE :pattern AND n.words ILIKE :pattern
AND (CAST(:project AS text) IS NULL OR p.name = :project) AND (CAST(:run AS uuid) IS NULL OR r.id = CAST(:run AS uuid))
ORDER BY r.number DESC, s.ordinal, l.start_byte, n.place LIMIT :limit
"""
# The newest pieces that together have as many lines as are wanted.
TAIL = """
SELECT plain FROM (
    SELECT l.start_byte, l.plain, sum(l.lines) OVER (ORDER BY l.start_byte DESC) - l.lines AS later FROM stage_runs s
    JOIN test_logs l ON l.stage_run_id = s.id AND l.started_at = s.created_at
    WHERE s.run_id = :run AND s.stage = :stage
) pieces WHERE later < :lines ORDER BY start_byte
"""
PIECES_AT_ONCE = 64


@dataclass(frozen=True)
class FoundLine:
    """A line that a search found."""

    project: str
    ref: str
    run_id: str
    stage: str
    line: int
    text: str


class LogStore:
    """The logs of stages in Postgres."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def mark(self, run_id: str, stage: StageName) -> Mark | None:
        """Return how far a stage's log is stored; None before the stage has a row."""
        with asking(self.engine) as connection:
            row = _stage(connection, run_id, stage)
            return None if row is None else _stored(connection, row)

    def append(self, run_id: str, stage: StageName, chunks: Sequence[Chunk]) -> Mark:
        """Write pieces that follow on what is stored; return how far it is stored now.

        Nothing is written when they do not follow: another process, or an earlier try whose answer was lost, has
        written them. Raises what the driver raises: the caller tries again.
        """
        with self.engine.begin() as connection:
            row = _stage(connection, run_id, stage)
            if row is None:
                return Mark()
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": row.id})
            stored = _stored(connection, row)
            if stored.byte != chunks[0].start_byte:
                return stored
            values = [{"stage_run_id": row.id, "started_at": row.created_at, **vars(chunk)} for chunk in chunks]
            connection.execute(insert(TestLog), values)
        return chunks[-1].end

    def read(self, run_id: str, stage: StageName, byte: int = 0) -> Iterator[Chunk]:
        """Yield the pieces of a stage's log from `byte` on, as far as they are stored.

        Raises:
            DatabaseUnavailableError: Postgres is away.
        """
        while True:
            values = {"run": run_id, "stage": str(stage), "byte": byte, "most": PIECES_AT_ONCE}
            with reading(self.engine) as connection:
                found = [Chunk(**row) for row in connection.execute(text(PIECES), values).mappings()]
            yield from found
            if len(found) < PIECES_AT_ONCE:
                return
            byte = found[-1].end_byte

    def tail(self, run_id: str, stage: StageName, lines: int) -> tuple[str, ...]:
        """Return the last lines of a stage's log, as far as it is stored, without colours.

        Raises:
            DatabaseUnavailableError: Postgres is away.
        """
        values = {"run": run_id, "stage": str(stage), "lines": lines}
        with reading(self.engine) as connection:
            found = "".join(connection.scalars(text(TAIL), values))
        return tuple(found.splitlines()[-lines:])

    def search(
        self, words: str, *, project: str | None = None, run_id: str | None = None, limit: int = 100
    ) -> tuple[FoundLine, ...]:
        """Return lines that hold `words`, in upper or lower case, the newest runs first.

        Raises:
            DatabaseUnavailableError: Postgres is away.
        """
        pattern = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in words)
        values = {"pattern": f"%{pattern}%", "project": project, "run": run_id, "limit": limit}
        with reading(self.engine) as connection:
            return tuple(FoundLine(**row) for row in connection.execute(text(SEARCH), values).mappings())


def _stage(connection: Connection, run_id: str, stage: StageName) -> Row[tuple[object, ...]] | None:
    return connection.execute(text(STAGE), {"run": run_id, "stage": str(stage)}).one_or_none()


def _stored(connection: Connection, stage: Row[tuple[object, ...]]) -> Mark:
    values = {"id": stage.id, "created": stage.created_at}
    last = connection.execute(text(LAST), values).mappings().one_or_none()
    return Mark() if last is None else Chunk(**last).end
