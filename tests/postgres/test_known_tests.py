"""A test is known over all runs: first seen, last seen, nothing merged, nothing lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.records.testing import TestExecution
from sluice.results import child
from sluice.store.ingest import Ingest, known_tests
from tests import factories
from tests.postgres.parts import a_run, one, rows
from tests.postgres.test_ingest import accepted, record_of, stage_of

SEEN = """SELECT test_id, coalesce(file, ''), occurrence, first_seen_run, last_seen_run FROM v_known_tests
          ORDER BY test_id, file, occurrence"""


def report(*cases: str) -> str:
    return f"<testsuite name='s' tests='{len(cases)}'>{''.join(cases)}</testsuite>"


def case(name: str, file: str = "tests/a.py", classname: str = "tests.a", inner: str = "") -> str:
    return f"<testcase classname='{classname}' name='{name}' file='{file}' time='0.1'>{inner}</testcase>"


@pytest.fixture
def files(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def ingest(engine: Engine, files: ArtifactStore) -> Ingest:
    return Ingest(engine, files)


@pytest.fixture
def run_report(engine: Engine, ingest: Ingest, files: ArtifactStore, tmp_path: Path) -> Any:
    """Return a function that accepts reports as the test stage of a new run and gives the run's number."""

    def run(*reports: str, days: float = 0.0) -> int:
        run_id = a_run(engine)
        record = record_of(run_id, *[execution(files, tmp_path, text, days) for text in reports], failures=())
        ingest.accept(stage_of(engine, record), record, accepted())
        return int(one(engine, "SELECT number FROM pipeline_runs WHERE id = :run", run=run_id))

    return run


def execution(store: ArtifactStore, folder: Path, text: str, days: float = 0.0) -> TestExecution:
    source, target = folder / "report.xml", folder / "cases.csv"
    source.write_text(text, encoding="utf-8")
    told = child.junit({"files": [str(source)], "rows": str(target)})
    counts = told["counts"]
    return factories.execution(
        total=sum(counts.values()),
        passed=counts["passed"],
        flaky=counts["flaky"],
        failed=counts["failed"],
        errors=counts["error"],
        skipped=counts["skipped"],
        xfailed=counts["xfailed"],
        exit_code=int(bool(counts["failed"])),
        cases=store.put_file(target, "cases.csv", "text/csv"),
        coverage=None,
        properties=told["properties"],
        started_at=factories.later(3) + timedelta(days=days),
        ended_at=factories.later(5) + timedelta(days=days),
    )


def test_first_and_last_seen(engine: Engine, run_report: Any) -> None:
    first = run_report(report(case("x"), case("y")))
    second = run_report(report(case("x"), case("z")))
    third = run_report(report(case("x")), days=2)
    assert rows(engine, SEEN) == [
        ("tests.a::x", "tests/a.py", 1, first, third),
        ("tests.a::y", "tests/a.py", 1, first, first),
        ("tests.a::z", "tests/a.py", 1, second, second),
    ]
    assert one(engine, "SELECT count(DISTINCT last_seen_on) FROM tests") == 2


def test_equal_names_stay_apart(engine: Engine, run_report: Any) -> None:
    number = run_report(report(case("n"), case("n"), case("n")))
    run_report(report(case("n"), case("n")))
    assert [row[:4] for row in rows(engine, SEEN)] == [("tests.a::n", "tests/a.py", at, number) for at in (1, 2, 3)]
    assert one(engine, "SELECT count(*) FROM test_results") == 5
    assert one(engine, "SELECT count(DISTINCT test_key) FROM test_results") == 3


def test_a_moved_file_is_another_test(engine: Engine, run_report: Any) -> None:
    before = run_report(report(case("x", "old/a.py")))
    after = run_report(report(case("x", "new/a.py")))
    assert rows(engine, SEEN) == [
        ("tests.a::x", "new/a.py", 1, after, after),
        ("tests.a::x", "old/a.py", 1, before, before),
    ]


def test_parameters_are_columns(engine: Engine, run_report: Any) -> None:
    run_report(report(case("x[1-a]"), case("x[2-b]"), case("plain")))
    found = rows(engine, "SELECT name, parameters, classname FROM tests ORDER BY parameters")
    assert found == [("plain", "", "tests.a"), ("x", "1-a", "tests.a"), ("x", "2-b", "tests.a")]


def test_cells_of_one_run_share_their_tests(engine: Engine, run_report: Any) -> None:
    run_report(report(case("x")), report(case("x"), case("y")))
    assert one(engine, "SELECT count(*) FROM tests") == 2


def test_a_replay_changes_nothing(engine: Engine, ingest: Ingest, files: ArtifactStore, tmp_path: Path) -> None:
    run_id = a_run(engine)
    record = record_of(run_id, execution(files, tmp_path, report(case("x"))), failures=())
    stage = stage_of(engine, record)
    ingest.accept(stage, record, accepted())
    before = rows(engine, "SELECT t::text FROM tests t")
    ingest.accept(stage, record, accepted())
    assert rows(engine, "SELECT t::text FROM tests t") == before


def test_a_known_suite_is_written_once_a_day(engine: Engine, run_report: Any) -> None:
    run_report(report(case("x"), case("y")))
    version = rows(engine, "SELECT xmin::text, key FROM tests ORDER BY key")
    run_report(report(case("x"), case("y")))
    assert rows(engine, "SELECT xmin::text, key FROM tests ORDER BY key") == version
    run_report(report(case("x")), days=1)
    assert sum(row in version for row in rows(engine, "SELECT xmin::text, key FROM tests ORDER BY key")) == 1


def test_more_new_tests_than_are_sorted(engine: Engine, run_report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_tests, "SORTED", 3)
    monkeypatch.setattr(known_tests, "BATCH", 2)
    run_report(report(*[case(f"t{number}") for number in range(5)]))
    assert one(engine, "SELECT count(*) FROM tests") == 5


def test_the_longest_names_are_stored(engine: Engine, run_report: Any) -> None:
    signs = "".join(chr(0x4E00 + number) for number in range(5000))  # do not compress
    run_report(report(case(signs + "1", classname=signs), case(signs + "2", classname=signs)))
    assert one(engine, "SELECT count(DISTINCT test_id) FROM tests") == 2


def test_writers_at_once_of_one_new_suite(engine: Engine, ingest: Ingest, files: ArtifactStore, tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(300)]
    work = []
    for writer in range(6):
        folder = tmp_path / str(writer)
        folder.mkdir()
        mine = names if writer % 2 else names[::-1]
        record = record_of(a_run(engine), execution(files, folder, report(*map(case, mine))), failures=())
        work.append((stage_of(engine, record), record, accepted()))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: ingest.accept(*each), work))
    assert one(engine, "SELECT count(*) FROM tests") == 300
    assert one(engine, "SELECT count(*) FROM test_results") == 1800


def test_what_a_report_says_beside_the_outcome(engine: Engine, run_report: Any) -> None:
    flaky = "<flakyFailure message='once'>trace</flakyFailure><system-out>out [[ATTACHMENT|shot.png]]</system-out>"
    issue = "<properties><property name='issue' value='SHOP-17'/></properties>"
    head = "<properties><property name='seed' value='7'/></properties>"
    run_report(
        report(head, case("a", inner=flaky), case("b", inner=issue), case("c")).replace("tests='4'", "tests='3'")
    )
    attempts = rows(engine, "SELECT test_id, attempt, status, message, final_status FROM v_test_attempts ORDER BY 2")
    assert attempts == [
        ("tests.a::a", 1, "failed", "once", "flaky"),
        ("tests.a::a", 2, "passed", None, "flaky"),
    ]
    found = rows(engine, "SELECT test_id, properties, attachments, stdout FROM v_test_notes ORDER BY test_id")
    assert found == [
        ("tests.a::a", None, ["shot.png"], "out [[ATTACHMENT|shot.png]]"),
        ("tests.a::b", {"issue": "SHOP-17"}, None, None),
    ]
    assert one(engine, "SELECT properties FROM test_executions") == {"seed": "7"}


def test_notes_survive_nul_and_odd_text(engine: Engine, run_report: Any) -> None:
    run_report(report(case("a", inner='<system-out>quote " and \\ and ü and \\u0000</system-out>')))
    (notes,) = rows(engine, "SELECT notes FROM test_results")[0]
    assert notes == json.loads(json.dumps({"stdout": 'quote " and \\ and ü and \\u0000'}))
