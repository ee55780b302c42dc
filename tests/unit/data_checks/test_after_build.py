"""The lies after the build, each beside its honest twin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sluice.states import CheckStatus
from tests.boundaries import believed, caught, check
from tests.factories import (
    COMMIT,
    DIGEST,
    NOW,
    OTHER_COMMIT,
    OTHER_DIGEST,
    OTHER_TREE,
    STARTED,
    TREE,
    build,
    facts,
    later,
    release,
)


def test_an_honest_build_is_believed() -> None:
    report = believed(build())
    assert [(each.code, each.status) for each in report.results] == [
        (code, CheckStatus.PASSED) for code in ("B01", "B09", "B04", "B06")
    ]


def test_a_reproducible_build_may_date_its_release_by_the_commit() -> None:
    believed(build(created_at=facts().committed_at))


def test_b01_what_was_read_back_is_something_else() -> None:
    caught(build(read_back_digest=OTHER_DIGEST), "B01", DIGEST, OTHER_DIGEST)


@pytest.mark.parametrize("lie", [{"built_tree": OTHER_TREE}, {"tested_tree": OTHER_TREE}], ids=["built", "tested"])
def test_b09_another_tree(lie: dict[str, Any]) -> None:
    caught(build(**lie), "B09", f"tree {TREE}, built and tested", OTHER_TREE)


def test_b09_both_trees_agree_and_neither_is_the_accepted_one() -> None:
    caught(build(built_tree=OTHER_TREE, tested_tree=OTHER_TREE), "B09", TREE, OTHER_TREE)


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"revision": OTHER_COMMIT}, f"revision {OTHER_COMMIT}"),
        ({"revision": ""}, "revision absent"),
        ({"release": release(commit=OTHER_COMMIT)}, f"release of {OTHER_COMMIT}"),
    ],
)
def test_b04_the_release_is_of_another_commit(lie: dict[str, Any], observed: str) -> None:
    caught(build(**lie), "B04", f"revision {COMMIT}", observed)


@pytest.mark.parametrize(
    ("made", "observed"),
    [
        (STARTED - timedelta(days=3), "made before its commit, at 2026-11-20 12:00:00 UTC"),
        (later(-60), "made before the stage"),
        (NOW + timedelta(hours=1), "made after the stage"),
    ],
)
def test_b06_a_release_that_this_build_did_not_make(made: Any, observed: str) -> None:
    caught(build(created_at=made), "B06", "made between 2026-11-23 12:00:00", observed)


@pytest.mark.parametrize("missing", ["commit", "tree"])
def test_a_build_without_the_facts_of_its_source_cannot_be_checked(missing: str) -> None:
    report = check(build(), **{missing: None})
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}
    assert f"not told the {missing}" in report.stops[0].message
