"""Which tests of the shards of a cell are in no report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluice.artifacts import ArtifactStore
from sluice.records.testing import TestCell, TestExecution
from sluice.results.cases import COLUMNS
from sluice.stages.testing.shard_tests import compared
from tests import factories

ALL = ["t::a", "t::b", "t::c", "t::d"]


def shard(
    tmp: Path, number: int, reported: list[str], ids: list[str] = ALL, ran: list[str] | None = None, left_out: str = ""
) -> TestExecution:
    store = ArtifactStore(tmp / "store")
    cases, told = tmp / f"{number}.csv", tmp / f"{number}.json"
    rows = [",".join([str(n), "s", *name.split("::"), "", "", "passed", *[""] * 5]) for n, name in enumerate(reported)]
    cases.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    known = {"ids": ids, "ran": reported if ran is None else ran, "left_out": [left_out] if left_out else []}
    told.write_text(json.dumps(known))
    return factories.execution(
        cell=TestCell(label=f"{number}of2", shard=number, shards=2),
        cases=store.put_file(cases, "cases.csv"),
        collection=store.put_file(told, "collected.json"),
    )


def lost(tmp: Path, *shards: TestExecution) -> list[tuple[str, ...] | None]:
    return [each.lost_ids for each in compared(shards, ArtifactStore(tmp / "store"))]


def test_together_they_are_the_whole(tmp_path: Path) -> None:
    assert lost(tmp_path, shard(tmp_path, 1, ALL[:2]), shard(tmp_path, 2, ALL[2:])) == [(), ()]


def test_one_twice_and_one_never(tmp_path: Path) -> None:
    found = lost(tmp_path, shard(tmp_path, 1, ["t::a", "t::a"]), shard(tmp_path, 2, ALL[2:]))
    assert found == [("t::b",), ("t::b",)]


def test_a_test_that_is_there_twice_must_be_reported_twice(tmp_path: Path) -> None:
    twice = [*ALL, "t::a"]
    found = lost(tmp_path, shard(tmp_path, 1, ALL[:2], twice), shard(tmp_path, 2, ALL[2:], twice, ran=["t::c"]))
    assert found == [("t::a",), ("t::a",)]


def test_each_shard_answers_for_what_it_found_itself(tmp_path: Path) -> None:
    others = ["t::a", "t::b", "t::c", "t::x"]
    found = lost(tmp_path, shard(tmp_path, 1, ["t::a", "t::c"]), shard(tmp_path, 2, ["t::b", "t::x"], others))
    assert found == [("t::d",), ()]


@pytest.mark.parametrize(("name", "expected"), [("t::As it is called", ()), ("t::a", ("t::b",))])
def test_another_name_in_the_report_stands_for_a_test_that_ran(
    tmp_path: Path, name: str, expected: tuple[str, ...]
) -> None:
    first = shard(tmp_path, 1, ["t::a", name], ran=["t::a", "t::b"])
    assert lost(tmp_path, first, shard(tmp_path, 2, ALL[2:])) == [expected, expected]


def test_another_name_does_not_stand_for_a_test_that_never_ran(tmp_path: Path) -> None:
    first = shard(tmp_path, 1, ["t::a", "t::subtest"], ran=["t::a"])
    assert lost(tmp_path, first, shard(tmp_path, 2, ALL[2:])) == [("t::b",), ("t::b",)]


@pytest.mark.parametrize(("group", "expected"), [("t", ()), ("t.Other", ("t::b",))])
def test_a_class_that_was_skipped_as_a_whole(tmp_path: Path, group: str, expected: tuple[str, ...]) -> None:
    first = shard(tmp_path, 1, ["t::a"], left_out=group)
    assert lost(tmp_path, first, shard(tmp_path, 2, ALL[2:])) == [expected, expected]


def test_nothing_is_known_where_nobody_listed(tmp_path: Path) -> None:
    first = shard(tmp_path, 1, ALL[:2])
    assert [each.lost_ids for each in compared([first], None)] == [None]
    bare = first.model_copy(update={"collection": None})
    assert lost(tmp_path, bare) == [None]
