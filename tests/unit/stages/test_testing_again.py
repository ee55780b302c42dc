"""Which executions stand, and which run whole."""

from __future__ import annotations

from pathlib import Path

from sluice.artifacts import ArtifactStore
from sluice.config.model import TestConfig
from sluice.records.testing import TestCell, TestRequest
from sluice.stages.testing.again import remains
from tests import factories

CONFIG = TestConfig(frameworks=("pytest",))


def request(cell: TestCell, config: TestConfig = CONFIG) -> TestRequest:
    return TestRequest(source=factories.source(), config=config, cell=cell)


def test_green_cells_stand_and_only_red_ones_run(tmp_path: Path) -> None:
    green = factories.execution(cell=TestCell(label="a"))
    red = factories.red_execution(cell=TestCell(label="b"))
    record = factories.run_of(green, red, passed=False)
    found = remains(record, "run-1", [request(green.cell), request(red.cell)], ArtifactStore(tmp_path))
    assert found.standing == [green]
    assert [each.cell.label for each in found.requests] == ["b"]
    assert found.requests[0].only == {}
    assert "runs whole" in found.notes[0], "its cases are gone"


def test_shards_run_whole(tmp_path: Path) -> None:
    cell = TestCell(label="1of2", shard=1, shards=2)
    record = factories.run_of(factories.red_execution(cell=cell), passed=False)
    found = remains(record, "run-1", [request(cell)], ArtifactStore(tmp_path))
    assert (found.standing, found.requests) == ([], [request(cell)])


def test_a_record_that_is_red_without_a_red_test_runs_whole(tmp_path: Path) -> None:
    green = factories.execution(cell=TestCell(label="a"))
    found = remains(factories.run_of(green, passed=False), "run-1", [request(green.cell)], ArtifactStore(tmp_path))
    assert (found.standing, found.requests) == ([], [request(green.cell)])
