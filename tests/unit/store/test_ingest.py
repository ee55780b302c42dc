"""What rows are made of a record, without a database."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.records.testing import Problem
from sluice.store.ingest.evidence import files_of
from sluice.store.ingest.figures import figures_of
from sluice.store.ingest.testing import status_of
from tests import factories


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "passed"),
        ({"exit_code": 1}, "failed"),
        ({"passed": 9, "failed": 1}, "failed"),
        ({"passed": 9, "errors": 1}, "failed"),
        ({"total": 0, "passed": 0, "skipped": 0, "xfailed": 0}, "empty"),
        ({"report_problem": Problem(code="REPORT_EMPTY", message="0 bytes")}, "broken"),
        ({"timed_out": True, "report_problem": Problem(code="REPORT_MISSING", message="none")}, "timed_out"),
        ({"out_of_memory": True}, "killed"),
        ({"signal": 9, "exit_code": 137}, "killed"),
    ],
)
def test_status_of_an_execution(fields: dict[str, Any], status: str) -> None:
    assert status_of(factories.execution(**fields)) == status


def test_every_file_of_a_record_is_found_at_whatever_depth() -> None:
    names = [ref.name for ref in files_of(factories.run_of(artifacts=(factories.artifact("extra.txt"),)))]
    assert sorted(names) == ["cases.csv", "coverage.csv", "extra.txt", "pytest.log", "report.xml"]
    assert [ref.name for ref in files_of(factories.build())] == ["greeter-1.4.0.tar"]


def test_figures_are_what_was_measured() -> None:
    figures = {name: (value, unit) for name, value, unit in figures_of(factories.run_of())}
    assert figures == {
        "test.seconds": (10.0, "seconds"),
        "test.total": (12, "count"),
        "test.skipped": (1, "count"),
        "test.pytest.total": (12, "count"),
        "test.pytest.skipped": (1, "count"),
        "test.pytest.line_rate": (0.9, "ratio"),
        "test.case_seconds": (0.84, "seconds"),
        "test.cpu_seconds": (1.1, "seconds"),
        "test.peak_memory": (60_000_000, "bytes"),
        "test.line_rate": (0.9, "ratio"),
    }
    bare = factories.run_of(factories.execution(coverage=None))
    assert {name: value for name, value, _unit in figures_of(bare)}["test.line_rate"] is None
    load = factories.load(requests=0, p50_seconds=None, p95_seconds=None, p99_seconds=None)
    idle = {name: value for name, value, _unit in figures_of(factories.smoke(load=load))}
    assert idle["smoke.staging.error_rate"] is None
    assert idle["smoke.staging.p95"] is None
