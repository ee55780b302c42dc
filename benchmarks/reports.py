"""JUnit files as a large suite leaves them, and what the product makes of one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Engine

from data_checks import contracts
from sluice.artifacts import ArtifactStore
from sluice.records.common import ArtifactRef
from sluice.records.testing import TestRecord
from sluice.results import box
from sluice.results.cases import CaseWriter
from sluice.results.junit import read_junit
from sluice.states import StageName
from sluice.store.ingest import Ingest
from sluice.store.runs import RunStore
from tests import factories

T = TypeVar("T")
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="pytest tests"><testsuite name="pytest" errors="0"'
RED = (
    '><failure message="AssertionError: assert 1 == 2">E   assert 1 == 2\n\ntests/test_x.py:3: AssertionError</failure>'
)
SKIPPED = '><skipped type="pytest.skip" message="needs a network">tests/test_x.py:9: needs a network</skipped>'


@dataclass(frozen=True)
class Report:
    """A JUnit file, and what is in it."""

    path: Path
    cases: int
    failed: int
    skipped: int


def write_report(path: Path, cases: int) -> Report:
    """Write a file as pytest writes it: 1 case in 1,000 failed, 1 in 200 skipped, the rest green."""
    failed, skipped = len(range(7, cases, 1000)), len(range(3, cases, 200))
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{HEAD} failures="{failed}" skipped="{skipped}" tests="{cases}" time="1.900"')
        file.write(' timestamp="2026-11-23T12:00:03+00:00" hostname="ci">')
        for number in range(cases):
            file.write(
                f'<testcase classname="tests.part_{number // 5000}.test_{number // 50}.TestIt"'
                f' name="test_it_{number % 50}[{number}]" time="0.{number % 1000:09d}"'
            )
            if number % 1000 == 7:
                file.write(f"{RED}</testcase>")
            elif number % 200 == 3:
                file.write(f"{SKIPPED}</testcase>")
            else:
                file.write(" />")
        file.write("</testsuite></testsuites>")
    return Report(path, cases, failed, skipped)


def parse_alone(report: Report, rows: Path) -> int:
    """Read the file with the product's parser in this thread; return how many cases it found."""
    with rows.open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
        writer = CaseWriter(file)
        read_junit(report.path, writer)
    return writer.tally.total


@dataclass(frozen=True)
class Taken:
    """Wall seconds of the product's three steps."""

    parse: float
    checks: float
    rows: float

    @property
    def whole(self) -> float:
        """All of them."""
        return self.parse + self.checks + self.rows


def take(report: Report, engine: Engine, folder: Path) -> Taken:
    """Take the file as the test stage does: parse in the limited child, check at the boundary, write the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ArtifactStore(folder / "artifacts")
    rows_file = folder / "cases.csv"

    def parsed() -> tuple[dict[str, Any], ArtifactRef]:
        told = box.parse("junit", [report.path], rows_file, merge_repeats=True)
        return told, files.put_file(rows_file, "cases.csv", "text/csv")

    parse, (told, cases) = timed(parsed)
    record = _record(report, told, cases)
    store = RunStore(engine)
    store.open_run(record.run_id, project="bench", repository="/srv/bench", requested_ref="main", trigger="api")
    store.start_run(record.run_id, owner=record.run_id)
    stage = store.start_stage(record.run_id, StageName.TEST)
    facts = factories.facts(run_id=record.run_id)
    checks, verdict = timed(lambda: contracts()[StageName.TEST].check(record, facts))
    if not verdict.accepted:
        raise SystemExit(f"the boundary did not accept: {verdict.stops[0]}")
    rows, _ = timed(lambda: Ingest(engine, files).accept(stage, record, verdict))
    return Taken(parse, checks, rows)


def _record(report: Report, told: dict[str, Any], cases: ArtifactRef) -> TestRecord:
    counts = told["counts"]
    execution = factories.execution(
        exit_code=1 if report.failed else 0,
        total=sum(counts.values()),
        passed=counts["passed"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        xfailed=0,
        declared_total=report.cases,
        declared_failed=report.failed,
        declared_skipped=report.skipped,
        case_seconds=told["case_seconds"],
        cases=cases,
        coverage=None,
    )
    return factories.run_of(execution, run_id=str(uuid4()), inputs={"source": "s1"})


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return the wall seconds of a call, and its result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
