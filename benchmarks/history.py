"""A year of ten million test results, and how long the cookbook's questions take on it: `python -m benchmarks.history`.

A private Postgres is started for it and removed. Times of questions are the server's own (planning and execution, from
EXPLAIN ANALYZE), the best of some rounds, as the reading role asks them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks import history_rows as made
from benchmarks.room import load
from sluice.store.engine import engine_for
from sluice.store.rollups import roll_up
from tests.cookbook import questions
from tests.postgres_server import TEMPLATE, migrated_postgres

LIMIT_MS = 200.0
INDEXES = """
SELECT indexrelid::regclass::text, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON '), indisprimary
FROM pg_index WHERE indrelid = 'test_results'::regclass
"""
# Those of the embedded server, and memory for the building of indexes.
SETTINGS = ("jit = off", "work_mem = '16MB'", "maintenance_work_mem = '512MB'", "max_parallel_workers_per_gather = 2")


def main() -> None:
    """Make the history, then ask."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--results", type=int, default=10_000_000, help="test results in the year")
    words.add_argument("--rounds", type=int, default=3, help="of each question; the best is shown")
    given = words.parse_args()
    with migrated_postgres() as server:
        for setting in SETTINGS:
            server.execute(f"ALTER ROLE postgres SET {setting}")
        with server.database(TEMPLATE) as url:
            plain = url.replace("+psycopg", "")
            make(plain, given.results)
            slow = ask_all(plain, given.rounds)
    print(f"\n{load()}")
    if slow:
        raise SystemExit(f"slower than {LIMIT_MS:.0f} ms: {', '.join(slow)}")


def make(url: str, results: int) -> None:
    """Fill the empty database at `url` with a year of about so many test results."""
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        _step(connection, "plan", made.FUNCTIONS, made.MONTHS, made.PLAN.replace("{results}", str(results)))
        indexes = connection.execute(INDEXES).fetchall()
        for name, _, primary in indexes:
            drop = f"ALTER TABLE test_results DROP CONSTRAINT {name}" if primary else f"DROP INDEX {name}"
            connection.execute(drop)  # type: ignore[call-overload]
    with _timed("test results, by two connections"), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: _half(url, half), (0, 1)))
    with psycopg.connect(url, autocommit=True) as connection:
        for part in ("RUNS", "STAGES", "SCANS", "MOVES"):
            _step(connection, part.lower(), getattr(made, part))
        with _timed("indexes"):
            for _, definition, primary in indexes:
                statement = "ALTER TABLE test_results ADD CONSTRAINT pk_test_results PRIMARY KEY"
                columns = definition[definition.index("(") :]
                connection.execute(f"{statement} {columns}" if primary else definition)
        _step(connection, "vacuum", "VACUUM ANALYZE")
        with _timed("roll-up"):
            engine = engine_for(url)
            roll_up(engine)
            engine.dispose()
        _step(connection, "vacuum of the roll-up", "VACUUM ANALYZE test_weeks", "VACUUM ANALYZE test_executions")
        for table in ("test_results", "test_weeks", "pipeline_runs", "quality_checks", "coverage_files", "findings"):
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[call-overload]
            print(f"{row[0] if row else 0:>12,} {table}", flush=True)
    print(f"made in {time.perf_counter() - began:.0f} s\n", flush=True)


def _half(url: str, half: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(made.RESULTS.replace("{half}", str(half)).encode())


def _step(connection: psycopg.Connection[Any], name: str, *statements: str) -> None:
    with _timed(name):
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def _timed(name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"{time.perf_counter() - began:>10.1f} s {name}", flush=True)


def ask_all(url: str, rounds: int) -> list[str]:
    """Ask each question and print its time; return those over the limit."""
    slow = []
    print("| question | rows | ms |\n|---|---:|---:|")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET ROLE sluice_reader")
        for title, query in questions().items():
            rows = len(connection.execute(query.encode()).fetchall())
            best = min(_milliseconds(connection, query) for _ in range(rounds))
            slow += [title] if best > LIMIT_MS else []
            print(f"| {title} | {rows} | {best:.0f} |", flush=True)
    return slow


def _milliseconds(connection: psycopg.Connection[Any], query: str) -> float:
    row = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}".encode()).fetchone()
    plan = row[0][0] if row else {}
    return float(plan["Planning Time"] + plan["Execution Time"])


if __name__ == "__main__":
    main()
