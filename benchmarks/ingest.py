"""From a JUnit file to accepted rows, beside other ways into Postgres: `python -m benchmarks.ingest`.

A private Postgres is started for it (nothing is synced to disk) and removed. Rates are cases a second of wall clock,
those of one thread alone of its CPU time.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import pyexpat
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from sqlalchemy import create_engine, insert, text
from sqlalchemy.orm import Session

from benchmarks.reports import Report, parse_alone, take, timed, write_report
from benchmarks.room import load
from data_checks import preload
from sluice.store.engine import engine_for
from sluice.store.tables.testing import TestResult
from tests.postgres_server import TEMPLATE, PostgresServer, migrated_postgres

CASES, MANY, SAMPLE, WRITERS, EACH = 100_000, 1_000_000, 20_000, 10, 20_000
MIB = 2**20


def main() -> None:
    """Measure and print the table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=3, help="of each; the best is shown, as others only disturb")
    words.add_argument("--take", nargs=3, metavar=("FILE", "URL", "FOLDER"), help="take one file, print peak memory")
    given = words.parse_args()
    if given.take:
        path, url, folder = given.take
        _one(Path(path), url, Path(folder))
        return
    preload()
    gc.freeze()  # the parser's process has no Great Expectations to look through
    with tempfile.TemporaryDirectory(prefix="sluice-benchmark-") as name, migrated_postgres() as server:
        folder = Path(name)
        report = write_report(folder / "report.xml", CASES)
        _rates(report, server, folder, given.rounds)
        _memory(folder, server)
        _writers(folder, server)
    print(f"\n{load()}")


def _rates(report: Report, server: PostgresServer, folder: Path, rounds: int) -> None:
    rates = {
        "bare expat, which does nothing with what it reads (CPU)": CASES / min(_expat(report) for _ in range(rounds)),
        "parse alone (CPU, one thread)": CASES / min(_cpu(report, folder) for _ in range(rounds)),
    }
    with server.database(TEMPLATE) as url:
        engine = engine_for(url)
        takes = [take(report, engine, folder / f"take{number}") for number in range(rounds)]
        best = min(takes, key=lambda taken: taken.whole)
        rates["whole: file → accepted rows"] = CASES / best.whole
        rates["of it: parse in the limited child"] = CASES / best.parse
        rates["of it: boundary"] = CASES / best.checks
        rates["of it: rows, checks and lineage in one transaction"] = CASES / best.rows
        engine.dispose()
        rates |= _other_ways(url, rounds)
    raw = rates["raw COPY of the same rows, into the same table"]
    print("| way | cases/s | of raw COPY |\n|---|---:|---:|")
    for way, rate in rates.items():
        print(f"| {way} | {rate:,.0f} | {rate / raw:.3f} |")
    print(f"\nbest of {rounds}: parse {best.parse:.2f} s, boundary {best.checks:.2f} s, rows {best.rows:.2f} s\n")


def _cpu(report: Report, folder: Path) -> float:
    began = time.process_time()
    found = parse_alone(report, folder / "alone.csv")
    used = time.process_time() - began
    if found != report.cases:
        raise SystemExit(f"{found} cases were read of {report.cases}")
    return used


def _expat(report: Report) -> float:
    """Return the processor's seconds of the limit: the same XML parser, called for each element, without any work."""
    parser = pyexpat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda _tag, _attributes: None
    parser.EndElementHandler = parser.CharacterDataHandler = lambda _text: None
    data = report.path.read_bytes()
    began = time.process_time()
    parser.Parse(data, True)
    return time.process_time() - began


def _other_ways(url: str, rounds: int) -> dict[str, float]:
    """Load the rows that the product wrote by COPY as they are, by the ORM and by pandas; the last two a sample."""
    plain = url.replace("+psycopg", "")
    columns = ", ".join(column.name for column in TestResult.__table__.columns)
    newest = "SELECT execution_id FROM test_results LIMIT 1"
    with psycopg.connect(plain, autocommit=True) as connection:
        out = f"COPY (SELECT {columns} FROM test_results WHERE execution_id = ({newest}) ORDER BY ordinal) TO STDOUT"
        with connection.cursor().copy(out) as stream:  # type: ignore[call-overload]
            data = b"".join(bytes(block) for block in stream)
        frame = _frame(connection, columns, newest)
        bare = "CREATE UNLOGGED TABLE bare AS SELECT * FROM test_results LIMIT 0"
        connection.execute(bare)
        copies = [min(_copy(connection, table, data) for _ in range(rounds)) for table in ("test_results", "bare")]
    engine = create_engine(url)
    connection_rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    with Session(engine) as session:
        session.execute(text("TRUNCATE test_results"))
        session.commit()
        orm, _ = timed(lambda: _orm(session, connection_rows))
        session.execute(text("TRUNCATE test_results"))
        core, _ = timed(lambda: session.execute(insert(TestResult), connection_rows) and session.commit())
    frame["execution_id"] = "00000000-0000-4000-8000-000000000001"
    panda, _ = timed(lambda: frame.to_sql("plain_results", engine, index=False))
    engine.dispose()
    return {
        "raw COPY of the same rows, into the same table": CASES / copies[0],
        "raw COPY into a table without index or constraint": CASES / copies[1],
        f"SQLAlchemy ORM, {SAMPLE:,} of the rows": SAMPLE / orm,
        f"SQLAlchemy insert of many, {SAMPLE:,} of the rows": SAMPLE / core,
        f"pandas to_sql, {SAMPLE:,} of the rows": SAMPLE / panda,
    }


def _frame(connection: psycopg.Connection[Any], columns: str, newest: str) -> pd.DataFrame:
    query = f"SELECT {columns} FROM test_results WHERE execution_id = ({newest}) ORDER BY ordinal LIMIT {SAMPLE}"
    rows = connection.execute(query).fetchall()  # type: ignore[call-overload]
    frame = pd.DataFrame(rows, columns=columns.split(", "))
    return frame.assign(execution_id=frame["execution_id"].astype(str)).astype(object).where(frame.notna(), None)


def _copy(connection: psycopg.Connection[Any], table: str, data: bytes) -> float:
    connection.execute(f"TRUNCATE {table}")  # type: ignore[call-overload]
    began = time.perf_counter()
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as stream:  # type: ignore[call-overload]
        for place in range(0, len(data), MIB):
            stream.write(data[place : place + MIB])
    return time.perf_counter() - began


def _orm(session: Session, rows: list[dict[str, Any]]) -> None:
    session.add_all(TestResult(**row) for row in rows)
    session.commit()


def _one(path: Path, url: str, folder: Path) -> None:
    """Take one file in this process, and say what it and its parser needed at most."""
    report = write_report(path, MANY)
    engine = engine_for(url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    taken = take(report, engine, folder)
    engine.dispose()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parser = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"| {MANY:,} cases, {path.stat().st_size / MIB:.0f} MiB | peak MiB |\n|---|---:|")
    print(f"| parser (limited child) | {parser:.0f} |\n| process that checks and writes | {own:.0f} |")
    print(f"| of it before the first case: Great Expectations and the rest | {before:.0f} |")
    print(f"\n{MANY / taken.whole:,.0f} cases/s: parse {taken.parse:.1f} s, rows {taken.rows:.1f} s\n")


def _memory(folder: Path, server: PostgresServer) -> None:
    with server.database(TEMPLATE) as url:
        words = [sys.executable, "-m", "benchmarks.ingest", "--take", folder / "many.xml", url, folder / "many"]
        subprocess.run(words, check=True)


def _writers(folder: Path, server: PostgresServer) -> None:
    """Ten processes write at once what one writes alone: same project, same branch, ten runs."""
    report = write_report(folder / "each.xml", EACH)
    with server.database(TEMPLATE) as url:
        alone, _ = timed(lambda: _write((report, url, folder / "w", WRITERS)))
        context = multiprocessing.get_context("fork")
        jobs = [(report, url, folder / f"w{number}", 1) for number in range(WRITERS)]
        with context.Pool(WRITERS) as pool:
            pool.map(_warm, range(WRITERS))
            together, _ = timed(lambda: pool.map(_write, jobs, chunksize=1))
        found = _counted(url)
    if found != 2 * WRITERS * EACH:
        raise SystemExit(f"{found} rows are there of {2 * WRITERS * EACH}")
    rate = WRITERS * EACH
    print(f"| {WRITERS} times {EACH:,} cases | cases/s |\n|---|---:|")
    print(f"| one writer, one after the other | {rate / alone:,.0f} |")
    print(f"| {WRITERS} writers at once: no error | {rate / together:,.0f} |")
    print(f"\nratio {alone / together:.2f}")


def _warm(_number: int) -> None:
    time.sleep(0.05)


def _write(job: tuple[Report, str, Path, int]) -> None:
    report, url, folder, times = job
    engine = engine_for(url)
    for number in range(times):
        take(report, engine, folder / str(number))
    engine.dispose()


def _counted(url: str) -> int:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT count(*) FROM test_results").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
