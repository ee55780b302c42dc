"""Cells, keys and merged records of the test stage."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.config.model import TestConfig
from sluice.records.testing import TestCell, TestRequest
from sluice.stages.testing import cells, inputs, merge
from sluice.stages.testing.agents._sluice_shards import split
from sluice.stages.testing.poetry import constraint, requirement
from tests import factories


def labels(**config: Any) -> list[str]:
    return [cell.label for cell in cells(TestConfig(**config))]


def test_without_a_matrix_there_is_one_cell() -> None:
    assert cells(TestConfig()) == (TestCell(label="default"),)


def test_every_combination_is_a_cell() -> None:
    found = labels(
        frameworks=["pytest"], shards=2, matrix={"python": ["3.11", "3.12"], "env": {"B": ["x", "y/z"], "A": ["1"]}}
    )
    assert found == [
        f"py{python}-A=1-B={b}-{shard}of2" for python in ("3.11", "3.12") for b in ("x", "y_z") for shard in (1, 2)
    ]


def test_labels_are_unique_and_safe() -> None:
    found = labels(matrix={"env": {"A": ["a/b", "a b", "../x", "l" * 300, "l" * 299 + "m"]}})
    assert len(set(found)) == 5
    assert all("/" not in label and len(label) < 120 for label in found)


def test_a_command_is_not_split() -> None:
    assert labels(frameworks=["command"], shards=4) == ["default"]
    assert len(labels(frameworks=["pytest", "command"], shards=4)) == 4


def request(**fields: Any) -> TestRequest:
    known: dict[str, Any] = {"source": factories.source(), "config": TestConfig(), "cell": TestCell(label="default")}
    return TestRequest(**known | fields)


def test_what_changes_the_key() -> None:
    base = inputs(request())
    assert inputs(request(durations={"a::b": 1.0})) == base
    others = [
        request(source=factories.source(tree="9" * 40)),
        request(config=TestConfig(args=("-x",))),
        request(cell=TestCell(label="py3.12", python="3.12")),
        request(cell=TestCell(label="default", env={"A": "1"})),
        request(cell=TestCell(label="default", shard=2, shards=2)),
    ]
    assert all(inputs(other) != base for other in others)
    assert all(isinstance(value, str) for value in base.values())


def test_a_file_that_does_not_count_changes_no_key() -> None:
    first = request(source=factories.source(content="same"))
    second = request(source=factories.source(content="same", tree="9" * 40))
    assert inputs(first) == inputs(second)


def cell_record(label: str, **fields: Any) -> Any:
    cell = TestCell(label=label)
    return factories.run_of(factories.execution(cell=cell), inputs={"cell": label, "source": "t"}, **fields)


def test_one_red_cell_makes_the_stage_red() -> None:
    whole = merge([cell_record("a"), cell_record("b", passed=False, reason="1 of 2 tests failed")])
    assert (whole.passed, whole.reason) == (False, "b: 1 of 2 tests failed")
    assert [one.cell.label for one in whole.executions] == ["a", "b"]
    assert whole.inputs == {"cell [a]": "a", "cell [b]": "b", "source": "t"}


def test_green_cells_make_a_green_stage() -> None:
    assert merge([cell_record("a"), cell_record("b")]).passed


def test_nothing_or_two_commits_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="no cell"):
        merge([])
    with pytest.raises(ValueError, match="commits"):
        merge([cell_record("a"), cell_record("b", commit="e" * 40)])


def test_shards_are_even_and_always_the_same() -> None:
    durations = {"a": 10.0, "b": 6.0, "c": 5.0}
    parts = split(["c", "d", "b", "a", "e"], durations, 2)
    assert parts == [["a", "e"], ["b", "d", "c"]] or sum(map(len, parts)) == 5
    assert split(["e", "a", "b", "d", "c"], durations, 2) == parts
    assert sorted(one for part in parts for one in part) == ["a", "b", "c", "d", "e"]


def test_shards_without_durations_hold_equal_numbers() -> None:
    assert [len(part) for part in split([str(n) for n in range(10)], {}, 3)] == [4, 3, 3]


@pytest.mark.parametrize(
    ("poetry", "pep"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1.2", ">=1.2,<1.3"),
        ("~1", ">=1,<2"),
        ("1.*", "==1.*"),
        ("1.4.2", "==1.4.2"),
        ("*", ""),
        (">=1, <2", ">=1,<2"),
        ("^3.0 || ^4.1", ">=4.1,<5"),
    ],
)
def test_constraints_of_poetry(poetry: str, pep: str) -> None:
    assert constraint(poetry) == pep


def test_requirements_of_poetry() -> None:
    assert requirement("a", {"version": "^1", "extras": ["x", "y"]}) == "a[x,y]>=1,<2"
    assert requirement("a", {"version": "*", "python": "<3.9"}) == "a ; (python_version < '3.9')"
    assert requirement("a", {"git": "https://git.example/a.git", "rev": "v1"}) == "a @ git+https://git.example/a.git@v1"
    assert requirement("a", {"path": "../a"}) is None
    assert requirement("a", {"version": "^1", "optional": True}) is None
