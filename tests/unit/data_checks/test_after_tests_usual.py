"""The lies that show against what is usual, and between shards; each beside its honest twin."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.records.checkout import ChangedFile
from sluice.records.history import History
from sluice.records.testing import ChangedLines, RunAgain, TestCell, TestExecution
from sluice.states import CheckStatus, Severity
from tests import factories
from tests.boundaries import believed, caught, check, result
from tests.factories import coverage, execution, red_execution, run_of


def counted(total: int, skipped: int = 0, **fields: Any) -> TestExecution:
    """A green execution of so many tests."""
    counts = {"total": total, "passed": total - skipped, "skipped": skipped, "xfailed": 0}
    return execution(**counts, declared_total=total, declared_skipped=skipped, **fields)


def past(total: float = 100, skipped: float = 0, rate: float = 0.9, **fields: Any) -> History:
    """The history of the series that `execution` belongs to."""
    usual = {"total": total, "skipped": skipped, "line_rate": rate}
    metrics = {f"test.pytest.{name}": value for name, value in usual.items()}
    return History(baselines={name: factories.baseline(name, value, **fields) for name, value in metrics.items()})


def changed(path: str, change: str = "M", additions: int = 0, deletions: int = 0) -> ChangedFile:
    return ChangedFile(path=path, change=change, additions=additions, deletions=deletions)


# --- T02 --------------------------------------------------------------------------------------------------------------


def test_t02_tests_are_gone_and_no_test_file_was_deleted() -> None:
    first = caught(run_of(counted(80)), "T02", "at most 10 % fewer", "pytest: 80 tests, 100 before", history=past())
    assert first.severity is Severity.STOP


@pytest.mark.parametrize("total", [90, 100, 500])
def test_t02_believes_what_stays_within_the_bound(total: int) -> None:
    assert result(believed(run_of(counted(total)), history=past()), "T02").status is CheckStatus.PASSED


def test_t02_lets_a_small_suite_lose_three() -> None:
    believed(run_of(counted(7)), history=past(10))
    caught(run_of(counted(6)), "T02", "10 %", "6 tests, 10 before", history=past(10))


def test_t02_the_bound_is_the_projects() -> None:
    believed(run_of(counted(60)), history=past(), count_drop=40.0)


def test_t02_holds_against_the_newest_run_too() -> None:
    """Half of the suite moved away with its files some runs ago: the median has not followed yet."""
    believed(run_of(counted(50)), history=past(100, latest=50, lowest=50))


def test_t02_sees_what_a_suite_that_grew_has_lost() -> None:
    """The suite doubled some runs ago, and half of it is hidden now: as many tests as the median still has."""
    lie = run_of(counted(100))
    caught(lie, "T02", "10 %", "100 tests, 200 before", history=past(100, latest=200, highest=200))


def test_t10_sees_what_a_suite_that_grew_skips() -> None:
    grown = past(100).baselines | {"test.pytest.total": factories.baseline("test.pytest.total", 100, latest=200)}
    grown["test.pytest.total"] = grown["test.pytest.total"].model_copy(update={"highest": 200})
    caught(run_of(counted(200, 90)), "T10", "not far more", "90 of 200 skipped", history=History(baselines=grown))


def test_t02_a_deleted_test_file_explains_it() -> None:
    report = check(run_of(counted(50)), history=past(), files_since=(changed("tests/test_old.py", "D"),))
    assert report.accepted
    found = result(report, "T02")
    assert (found.status, found.message) == (
        CheckStatus.NOT_APPLICABLE,
        "test files were deleted: tests/test_old.py",
    )


@pytest.mark.parametrize(
    "since",
    [
        (changed("tests/test_a.py", additions=3, deletions=90),),
        (changed("tests/test_a.py", additions=200, deletions=50),),
        (changed("plugins/one.py", "D", deletions=40),),
        (ChangedFile(path="old.py", old_path="tests/test_a.py", change="R", additions=0, deletions=60),),
        None,
    ],
    ids=["shrunk", "fifty-tests-became-few-long-ones", "tests-of-each-plugin", "moved-away", "nobody-knows"],
)
def test_t02_only_warns_where_it_may_be_meant(since: tuple[ChangedFile, ...] | None) -> None:
    report = check(run_of(counted(50)), history=past(), files_since=since)
    assert report.accepted
    assert [each.code for each in report.warnings] == ["T02"]


@pytest.mark.parametrize(
    "since",
    [
        changed("app.py", deletions=300),
        changed("tests/test_a.py", additions=60, deletions=49),
        changed("tests/test_a.py", additions=40, deletions=40),
    ],
)
def test_t02_edits_that_cannot_have_taken_the_tests_explain_nothing(since: ChangedFile) -> None:
    caught(run_of(counted(50)), "T02", "10 %", "50 tests", history=past(), files_since=(since,))


def test_a_run_of_the_red_tests_alone_is_held_against_no_history() -> None:
    """`sluice resume --failed-tests` runs two tests; the other 98 stand, and have been counted in their own run."""
    stands = RunAgain(run_id=factories.RUN, asked=2, passed=90, skipped=8, xfailed=0, xpassed=0)
    report = check(run_of(counted(2, again=stands, coverage=coverage(lines_covered=10))), history=past())
    assert report.accepted, [each.message for each in report.stops]
    held = {code: result(report, code).status for code in ("T02", "T10", "T13")}
    assert CheckStatus.FAILED not in held.values()
    assert held["T02"] is CheckStatus.NOT_APPLICABLE


def test_t02_a_red_run_is_not_asked() -> None:
    assert check(run_of(red_execution()), history=past(1000)).accepted


@pytest.mark.parametrize(("many", "more"), [(3, ""), (4, " and 1 more")])
def test_t02_names_three_of_the_test_files_that_were_deleted(many: int, more: str) -> None:
    gone = tuple(changed(f"tests/test_{number}.py", "D") for number in range(many))
    found = result(check(run_of(counted(50)), history=past(), files_since=gone), "T02")
    assert found.message == f"test files were deleted: tests/test_0.py, tests/test_1.py, tests/test_2.py{more}"


def test_t02_adds_up_shards() -> None:
    halves = [
        counted(50, cell=TestCell(label=f"{n}of2", shard=n, shards=2), collected=100, coverage=None) for n in (1, 2)
    ]
    believed(run_of(*halves), history=past())


# --- T09 --------------------------------------------------------------------------------------------------------------


def shards(totals: list[int], collected: list[int | None], of: int = 3) -> Any:
    return run_of(
        *(
            counted(total, cell=TestCell(label=f"{n}of{of}", shard=n, shards=of), collected=found, coverage=None)
            for n, (total, found) in enumerate(zip(totals, collected, strict=True), start=1)
        )
    )


def test_t09_a_shard_never_ran() -> None:
    caught(shards([4, 4], [12, 12]), "T09", "every shard", "missing shards 3; 8 tests of 12")


def test_t09_one_shard_of_two_never_ran() -> None:
    record = shards([6, 6], [12, 12], of=2)
    lie = record.model_copy(update={"executions": record.executions[1:]})
    caught(lie, "T09", "every shard", "pytest in 2 shards: missing shards 1; 6 tests of 12")


def test_t09_each_part_of_it_alone() -> None:
    caught(shards([4, 4], [None, None]), "T09", "every shard", "missing shards 3; 8 tests of unknown")
    caught(shards([4, 4, 5], [12, 12, 13]), "T09", "every test", "missing shards none; 13 tests of 12, 13")


def test_t09_tests_that_no_shard_ran() -> None:
    caught(
        shards([4, 4, 3], [12, 12, 12]), "T09", "every test that was collected", "missing shards none; 11 tests of 12"
    )


def test_t09_shards_that_collected_different_suites() -> None:
    caught(shards([4, 4, 4], [12, 12, 13]), "T09", "every test", "12 tests of 12, 13")


@pytest.mark.parametrize("totals", [[4, 4, 4], [4, 4, 5]], ids=["whole", "a-subtest-more"])
def test_t09_believes_whole_shards(totals: list[int]) -> None:
    assert result(believed(shards(totals, [12, 12, 12])), "T09").status is CheckStatus.PASSED


def listed(lost: list[tuple[str, ...] | None], totals: list[int]) -> Any:
    record = shards(totals, [12, 12, 12])
    pairs = zip(record.executions, lost, strict=True)
    return record.model_copy(update={"executions": tuple(e.model_copy(update={"lost_ids": ids}) for e, ids in pairs)})


def test_t09_the_numbers_agree_and_a_test_is_in_no_shard() -> None:
    lost: list[tuple[str, ...] | None] = [(), ("t::b", "t::c", "t::d", "t::e"), ("t::b",)]
    found = caught(listed(lost, [4, 4, 4]), "T09", "every test that was collected", "12 tests of 12")
    assert found.observed.endswith("12 tests of 12, none of them t::b, t::c, t::d")


def test_t09_believes_names_before_numbers() -> None:
    """A class that was skipped as a whole is one case, and a subtest one more."""
    believed(listed([(), (), ()], [4, 4, 3]))
    found = caught(listed([(), (), None], [4, 4, 3]), "T09", "every test that was collected", "11 tests of 12")
    assert found.observed.endswith("11 tests of 12")


def test_t09_a_red_shard_lost_its_tests_honestly() -> None:
    record = listed([("t::b",), (), ()], [4, 4, 4])
    red = record.executions[2].model_copy(update={"exit_code": 1, "failed": 1, "passed": 3, "declared_failed": 1})
    believed(record.model_copy(update={"executions": (*record.executions[:2], red), "passed": False}))


def test_t09_believes_where_nobody_counts_what_was_collected() -> None:
    believed(shards([4, 4, 3], [None, None, None]))


# --- T10 --------------------------------------------------------------------------------------------------------------


def test_t10_far_more_than_usual_was_skipped() -> None:
    first = caught(
        run_of(counted(100, 40)), "T10", "not far more skips", "40 of 100 skipped, 2 before", history=past(skipped=2)
    )
    assert first.name == "SKIP_SPIKE"


@pytest.mark.parametrize(("total", "skipped", "usual"), [(100, 12, 2), (100, 30, 25), (100, 95, 90), (20, 7, 2)])
def test_t10_believes_some_more_skips(total: int, skipped: int, usual: int) -> None:
    believed(run_of(counted(total, skipped)), history=past(total, skipped=usual))


@pytest.mark.parametrize(("total", "skipped"), [(100, 13), (20, 8)])
def test_t10_believes_no_skip_more_than_some(total: int, skipped: int) -> None:
    observed = f"{skipped} of {total} skipped, 2 before"
    caught(run_of(counted(total, skipped)), "T10", "not far more skips", observed, history=past(total, skipped=2))


@pytest.mark.parametrize(("total", "skipped"), [(140, 42), (130, 32)], ids=["forty", "thirty"])
def test_t10_believes_new_tests_that_skip_themselves_here(total: int, skipped: int) -> None:
    """Tests for another platform are added; the ninety-eight that ran still do."""
    believed(run_of(counted(total, skipped)), history=past(skipped=2))


def test_t10_new_tests_do_not_hide_old_ones_that_are_skipped() -> None:
    caught(
        run_of(counted(130, 60)), "T10", "not far more skips", "60 of 130 skipped, 2 before", history=past(skipped=2)
    )


def test_t10_everything_skipped_keeps_its_name() -> None:
    first = caught(run_of(counted(10, 10)), "T10", "at least 1 test", "all tests skipped", history=past(10))
    assert first.name == "ALL_SKIPPED"


# --- T12, T13, T15 ----------------------------------------------------------------------------------------------------


def test_t12_only_lines_of_tests_were_measured() -> None:
    lie = run_of(execution(coverage=coverage(test_lines_valid=100)))
    caught(lie, "T12", "no line of tests", "all 100 lines are of tests", coverage_gate=80.0)
    assert [each.code for each in check(lie).warnings] == ["T12"]


def test_t12_believes_tests_measured_beside_the_code() -> None:
    believed(run_of(execution(coverage=coverage(test_lines_valid=60))), coverage_gate=80.0)


def test_t13_a_gate_that_is_missed_and_called_passed() -> None:
    caught(run_of(), "T13", "at least 95 %", "5.00 points below the gate, and called passed", coverage_gate=95.0)


def test_t13_misses_by_less_than_a_point_count_too() -> None:
    caught(run_of(), "T13", "at least 90.5 %", "0.50 points below the gate", coverage_gate=90.5)
    for change in (ChangedLines(valid=250, covered=199), ChangedLines(valid=1, covered=0)):
        caught(run_of(), "T13", "changed lines", "changed lines", changed_lines_gate=80.0, changed_lines=change)
    fell = run_of(counted(100, coverage=coverage(lines_valid=1000, lines_covered=845)))
    caught(fell, "T13", "at most 5 points", "pytest: 84.5 %, 90.0 % before", history=past())


def test_t13_holds_no_shard_and_no_command_beside_python_against_the_gate() -> None:
    low = coverage(lines_covered=10)
    believed(run_of(execution(), execution(framework="command", coverage=low)), coverage_gate=80.0)
    halves = (execution(cell=TestCell(label=f"{n}of2", shard=n, shards=2), coverage=low) for n in (1, 2))
    believed(run_of(*halves), coverage_gate=80.0)


def test_t13_shows_the_coverage_of_each_execution() -> None:
    assert result(believed(run_of()), "T13").observed == "90.0%"


def test_t13_a_gate_that_is_missed_and_said_so_is_true_and_bad() -> None:
    record = run_of(passed=False, reason="coverage 90.0% is below the gate of 95 %")
    assert result(check(record, coverage_gate=95.0), "T13").status is not CheckStatus.FAILED


def test_t13_the_lines_of_the_change_miss_their_gate() -> None:
    change = ChangedLines(valid=10, covered=7, missing=("app.py: 3,7-8", "b.py: 1", "c.py: 1", "d.py: 1"))
    known = {"changed_lines_gate": 80.0, "changed_lines": change}
    words = "70.0 % of 10 changed lines; no test reached app.py: 3,7-8; b.py: 1; c.py: 1"
    assert caught(run_of(), "T13", "at least 80 % of the changed lines", words, **known).observed == words
    red = run_of(red_execution())
    assert result(check(red, **known), "T13").status is not CheckStatus.FAILED


@pytest.mark.parametrize("change", [ChangedLines(valid=10, covered=8), ChangedLines(valid=0, covered=0), None])
def test_t13_believes_a_change_that_is_covered_or_wrote_nothing_that_is_measured(change: ChangedLines | None) -> None:
    believed(run_of(), changed_lines_gate=80.0, changed_lines=change)


def test_t11_a_gate_on_the_change_needs_coverage_too() -> None:
    lie = run_of(execution(coverage=None))
    caught(lie, "T11", "the gate of 80 % of the changed lines", "no coverage", changed_lines_gate=80.0)


def test_t13_coverage_fell() -> None:
    lie = run_of(counted(100, coverage=coverage(lines_covered=70)))
    caught(lie, "T13", "at most 5 points", "pytest: 70.0 %, 90.0 % before", history=past())


@pytest.mark.parametrize(("covered", "fields"), [(86, {}), (70, {"mad": 0.05}), (70, {"latest": 0.72, "lowest": 0.7})])
def test_t13_believes_noise_and_what_the_newest_run_had(covered: int, fields: dict[str, float]) -> None:
    history = past(**fields) if "latest" not in fields else past()
    rate = factories.baseline("test.pytest.line_rate", 0.9, **fields)
    history = History(baselines=history.baselines | {"test.pytest.line_rate": rate})
    believed(run_of(counted(100, coverage=coverage(lines_covered=covered))), history=history)


def test_t15_green_only_on_a_retry_is_shown_as_flaky() -> None:
    record = run_of(execution(passed=9, flaky=1, passed_on_retry=("tests.test_app::test_3",)))
    report = check(record)
    assert report.accepted
    (warning,) = report.warnings
    assert (warning.code, warning.observed) == ("T15", "pytest [py3.11]: 1 flaky, tests.test_app::test_3")
    assert record.headline().startswith("10 passed · 1 skipped · 1 flaky: only passed on a retry")


def test_t15_names_three_of_the_flaky() -> None:
    names = ("t::a", "t::b", "t::c", "t::d")
    (warning,) = check(run_of(execution(passed=6, flaky=4, passed_on_retry=names))).warnings
    assert warning.observed == "pytest [py3.11]: 4 flaky, t::a, t::b, t::c"


def test_t15_is_shown_beside_a_red_test_too() -> None:
    report = check(run_of(red_execution(passed=6, flaky=1, passed_on_retry=("tests.test_app::test_3",))))
    assert [each.code for each in report.warnings] == ["T15"]
