"""The lies after checkout, each beside its honest twin."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.records.checkout import CheckoutRecord, RefKind
from sluice.states import CheckStatus, Severity
from tests.boundaries import believed, caught, check, not_asked, result
from tests.factories import COMMIT, OTHER_COMMIT, PARENT, TREE, checkout, source


def test_an_honest_checkout_is_believed() -> None:
    report = believed(checkout())
    assert [each.code for each in report.results] == ["C01", "C02", "C03", "C04", "C05", "C07", "C06", "C08", "C09"]
    assert not_asked(report) == {
        "C03": "no submodule is declared",
        "C08": "the trigger names no commit before it",
    }


def test_c01_another_commit_was_checked_out() -> None:
    caught(checkout(source=source(commit=OTHER_COMMIT)), "C01", COMMIT, OTHER_COMMIT)


def test_c01_the_branch_moved_after_the_trigger() -> None:
    caught(checkout(requested_commit=OTHER_COMMIT), "C01", OTHER_COMMIT, COMMIT)


def test_c01_the_record_agrees_with_itself_and_not_with_the_run() -> None:
    caught(checkout(), "C01", OTHER_COMMIT, COMMIT, commit=OTHER_COMMIT)


def test_c02_a_shallow_clone_without_the_merge_base() -> None:
    caught(checkout(shallow=True, merge_base=None), "C02", "the merge base", "shallow, without a merge base")


@pytest.mark.parametrize(
    "honest",
    [{"shallow": True}, {"merge_base": None, "parents": ()}, {"merge_base": None}],
    ids=["shallow-with-base", "first-commit", "unrelated-history"],
)
def test_c02_believes_a_history_that_is_enough(honest: dict[str, Any]) -> None:
    believed(checkout(**honest))


@pytest.mark.parametrize(
    "lie",
    [
        {"source": source(submodules=True), "missing_submodules": ("vendor/theme",)},
        {"source": source(submodules=False)},
    ],
    ids=["empty-folder", "never-checked-out"],
)
def test_c03_a_declared_submodule_is_not_there(lie: dict[str, Any]) -> None:
    caught(checkout(declared_submodules=("vendor/theme",), **lie), "C03", "vendor/theme", "missing: vendor/theme")


def test_c03_believes_submodules_that_are_there() -> None:
    report = believed(checkout(declared_submodules=("vendor/theme",), source=source(submodules=True)))
    assert result(report, "C03").status is CheckStatus.PASSED


@pytest.mark.parametrize(
    ("many", "observed"), [(1, "a.bin"), (3, "a.bin, b.bin, c.bin"), (4, "a.bin, b.bin, c.bin and 1 more")]
)
def test_c04_lfs_pointers_are_named_and_counted(many: int, observed: str) -> None:
    pointers = ("a.bin", "b.bin", "c.bin", "d.bin")[:many]
    assert caught(checkout(lfs_pointers=pointers), "C04", "LFS pointer", observed).observed == f"pointers: {observed}"


def test_c05_a_dirty_workspace() -> None:
    caught(checkout(dirty_files=("build/old.o",)), "C05", "nothing else", "build/old.o")


def test_c07_a_commit_that_changes_something_without_changed_files() -> None:
    caught(checkout(changed_files=()), "C07", "at least one changed file", "no file changed")


def test_c07_a_first_commit_with_files_and_without_changed_files() -> None:
    lie = checkout(changed_files=(), parents=(), merge_base=None, base_tree=None)
    caught(lie, "C07", "at least one changed file", "no file changed")


@pytest.mark.parametrize(
    "honest",
    [
        {"parents": (PARENT, OTHER_COMMIT)},
        {"base_tree": TREE},
        {"parents": (), "merge_base": None, "base_tree": None, "file_count": 0},
    ],
    ids=["merge", "empty-commit", "empty-first-commit"],
)
def test_c07_believes_a_commit_that_changes_nothing(honest: dict[str, Any]) -> None:
    report = believed(checkout(changed_files=(), **honest))
    assert result(report, "C07").status is CheckStatus.PASSED


def test_c07_is_left_to_c02_when_nobody_knows_the_base() -> None:
    report = check(checkout(changed_files=(), shallow=True, merge_base=None, base_tree=None))
    assert [each.code for each in report.stops] == ["C02"]
    assert "C02" in not_asked(report)["C07"]


def test_a_checkout_without_the_fact_of_its_commit_cannot_be_checked() -> None:
    report = check(checkout(), commit=None)
    assert not report.accepted
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}
    assert "not told the commit" in report.stops[0].message


def test_a_null_does_not_slip_through() -> None:
    lie: CheckoutRecord = checkout().model_copy(update={"requested_commit": None})
    first = check(lie).stops[0]
    assert (first.code, first.status) == ("C01", CheckStatus.COULD_NOT_RUN)
    assert "requested_commit" in first.observed


def test_c06_dependencies_changed_and_their_lock_did_not() -> None:
    report = check(checkout(stale_locks=("pyproject.toml (uv.lock)",)))
    assert report.accepted
    (warning,) = report.warnings
    assert (warning.code, warning.severity) == ("C06", Severity.WARN)
    assert "pyproject.toml (uv.lock)" in warning.message


def test_c08_a_push_that_overwrote_the_branch() -> None:
    report = check(checkout(), previous_commit=OTHER_COMMIT, overwritten=True)
    assert report.accepted
    assert [each.code for each in report.warnings] == ["C08"]
    assert OTHER_COMMIT in report.warnings[0].expected


def test_c08_believes_a_push_that_goes_on() -> None:
    assert result(believed(checkout(), previous_commit=PARENT), "C08").status is CheckStatus.PASSED


def test_c09_an_older_push_comes_after_a_newer_was_deployed() -> None:
    caught(
        checkout(), "C09", "not older than what its branch has deployed", OTHER_COMMIT, superseded_by=(OTHER_COMMIT,)
    )


def test_c09_is_a_warning_for_a_person_and_nothing_for_a_tag() -> None:
    by_hand = check(checkout(), superseded_by=(OTHER_COMMIT,), by_hand=True)
    assert by_hand.accepted
    assert [each.code for each in by_hand.warnings] == ["C09"]
    tagged = check(checkout(ref_kind=RefKind.TAG), superseded_by=(OTHER_COMMIT,))
    assert result(tagged, "C09").status is CheckStatus.NOT_APPLICABLE


def test_c09_cannot_run_when_nobody_asked_what_is_deployed() -> None:
    report = check(checkout(), superseded_by=None)
    assert not report.accepted
    assert result(report, "C09").status is CheckStatus.COULD_NOT_RUN
