"""The lies after the tests, each beside its honest twin."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from data_checks import execution as one
from data_checks.execution_rows import reported
from sluice.records.testing import Problem, TestCell, TestExecution
from sluice.states import CheckStatus, Severity
from tests.boundaries import believed, caught, check, not_asked, result
from tests.factories import NOW, artifact, coverage, execution, later, red_execution, run_of


def problem(code: str, message: str = "line 3") -> Problem:
    return Problem(code=code, message=message)


def unread(code: str = "REPORT_TRUNCATED", **fields: Any) -> TestExecution:
    """An execution whose report cannot be read, as the test stage leaves it."""
    counts = dict.fromkeys(("total", "passed", "skipped", "xfailed"), 0)
    declared = dict.fromkeys(("declared_total", "declared_failed", "declared_errors", "declared_skipped"))
    return execution(report_problem=problem(code), cases=None, **counts | declared | fields)


def none_found(**fields: Any) -> TestExecution:
    """An execution that collected nothing."""
    counts = dict.fromkeys(("total", "passed", "skipped", "xfailed", "declared_total", "declared_skipped"), 0)
    return execution(**counts | {"case_seconds": 0.0} | fields)


ZEROS: dict[str, Any] = {"skipped": 0, "xfailed": 0, "declared_skipped": 0, "case_seconds": 0.0, "wall_seconds": 5.0}
ZEROS |= {"ended_at": later(8), "report_written_at": later(7.9)}


# --- the honest ones ------------------------------------------------------------------------------------------------


def test_an_honest_green_run_is_believed() -> None:
    report = believed(run_of())
    order = [
        "T14",
        "T01",
        "T05",
        "T04",
        "T16",
        "T03",
        "T06",
        "T08",
        "T07",
        "T10",
        "T11",
        "T12",
        "T17",
        "T09",
        "T02",
        "T15",
        "T13",
    ]
    assert [each.code for each in report.results] == order
    assert not_asked(report) == {"T11": "no coverage gate is set", "T09": "no cell is split into shards"}
    thin = [each.code for each in report.results if each.status is CheckStatus.NOT_ENOUGH_HISTORY]
    assert thin == ["T10", "T02", "T13"]


def test_an_honest_red_run_is_true_and_bad_and_is_believed() -> None:
    record = run_of(red_execution())
    assert not record.passed
    believed(record)


@pytest.mark.parametrize(
    "honest",
    [
        execution(framework="robot", exit_code=137, passed=0, failed=137, total=139, declared_total=139,
                  declared_failed=137),
        red_execution(framework="command", cell=TestCell(label="")),
        execution(report_written_at=later(3) - timedelta(milliseconds=8)),
        execution(report_written_at=later(3).replace(microsecond=0)),
        execution(report_timestamp=later(3.1)),
        execution(declared_total=None, declared_failed=None, declared_errors=None, declared_skipped=None),
        execution(report_written_at=later(2.95)),
        execution(report_written_at=later(1.75)),
        execution(report_timestamp=later(1)),
        execution(framework="command", total=50, passed=50, declared_total=50, **ZEROS),
        execution(total=49, passed=49, declared_total=49, **ZEROS),
        execution(total=50, passed=50, declared_total=50, **ZEROS | {"wall_seconds": 4.9}),
        execution(coverage=None),
        execution(coverage=None, coverage_problem=problem("COVERAGE_MISSING")),
        execution(case_seconds=1.9 * 7),
        execution(case_seconds=1.9 * 60, environment={"pytest-xdist": "3.8.0"}),
        execution(case_seconds=0.0),
        execution(total=80, passed=80, skipped=0, xfailed=0, declared_total=80, declared_skipped=0, case_seconds=0.0),
        red_execution(failed=2, passed=8, xpassed_strict=1),
        execution(skipped=11, passed=0, declared_skipped=11),
        execution(framework="unittest", exit_code=1, passed=9, xpassed=1),
    ],
    ids=["robot-137-failures", "red-command", "file-time-a-tick-early", "whole-second-file-times", "own-stamp",
         "no-counters", "file-time-two-ticks-early", "whole-second-long-ago", "own-stamp-early", "all-zero-command",
         "all-zero-too-few", "all-zero-too-quick", "no-coverage", "ungated-coverage-problem", "threads", "xdist",
         "all-zero-few", "all-zero-quick", "strict-xpass-called-red", "nearly-all-skipped",
         "unexpected-success-called-red"],
)  # fmt: skip
def test_honest_executions_are_believed(honest: TestExecution) -> None:
    believed(run_of(honest))


def test_a_declared_skip_is_believed_and_every_other_check_says_why_it_was_not_asked() -> None:
    record = run_of().model_copy(update={"executions": (), "skipped": True, "reason": "a library of data only"})
    report = believed(record, skip_reason="a library of data only")
    assert result(report, "T01").status is CheckStatus.PASSED
    assert set(not_asked(report)) == {each.code for each in report.results} - {"T01"}
    assert all(not_asked(report).values())


def test_an_empty_shard_beside_full_ones_is_believed() -> None:
    full = execution(cell=TestCell(label="1of2", shard=1, shards=2), collected=12)
    empty = none_found(cell=TestCell(label="2of2", shard=2, shards=2), collected=12, exit_code=0)
    believed(run_of(full, empty))


def test_a_shard_of_skipped_tests_beside_full_ones_is_believed() -> None:
    full = execution(cell=TestCell(label="1of2", shard=1, shards=2))
    skipped = execution(cell=TestCell(label="2of2", shard=2, shards=2), total=1, passed=0, xfailed=0, declared_total=1)
    believed(run_of(full, skipped))


# --- the lies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("killed", "observed"),
    [
        ({"signal": 9, "exit_code": 137}, "killed by signal 9"),
        ({"signal": 11, "exit_code": 139}, "killed by signal 11"),
        ({"out_of_memory": True, "exit_code": 1}, "killed for lack of memory"),
        ({"timed_out": True, "exit_code": 143}, "killed at its time limit after 2 s"),
        ({"exit_code": 137}, "killed by signal 9 in a child process"),
        ({"exit_code": 0, "signal": 9}, "killed by signal 9"),
    ],
)
def test_t14_a_killed_runner_with_a_whole_report(killed: dict[str, Any], observed: str) -> None:
    caught(run_of(execution(**killed)), "T14", "end by themselves", observed)


@pytest.mark.parametrize(("code", "signal"), [(132, 4), (134, 6), (135, 7), (136, 8), (137, 9), (139, 11), (143, 15)])
def test_t14_a_wrapper_tells_of_its_killed_child(code: int, signal: int) -> None:
    observed = f"killed by signal {signal} in a child process (exit code {code})"
    caught(run_of(execution(exit_code=code)), "T14", "end by themselves", observed)


def test_t14_comes_before_what_follows_from_it() -> None:
    report = check(run_of(unread("REPORT_TRUNCATED", signal=9, exit_code=137)))
    assert [each.code for each in report.stops] == ["T14", "T05"]


@pytest.mark.parametrize("exit_code", [0, 5])
def test_t01_nothing_was_collected(exit_code: int) -> None:
    found = caught(run_of(none_found(exit_code=exit_code)), "T01", "at least 1 test", f"0 tests, exit code {exit_code}")
    assert found.observed.startswith("pytest [py3.11]")


def test_t01_says_what_ran_and_why_nothing_did() -> None:
    assert result(believed(run_of()), "T01").observed.endswith(" tests in 1 execution")
    skipped = run_of().model_copy(update={"executions": (), "skipped": True, "reason": "no time"})
    assert result(check(skipped, skip_reason="data only"), "T01").observed.endswith("the stage says: no time")


def test_t01_one_of_two_frameworks_ran_nothing() -> None:
    record = run_of(execution(), none_found(framework="unittest"))
    caught(record, "T01", "at least 1 test in every execution", "unittest [py3.11]: 0 tests")


def test_t01_a_green_runner_that_left_no_report_ran_nothing() -> None:
    lie = run_of(unread("REPORT_MISSING", framework="command", report=None, report_written_at=None))
    caught(lie, "T01", "at least 1 test", "command [py3.11]: 0 tests, exit code 0")
    assert [each.code for each in check(lie).stops] == ["T01", "T05"]


def test_t01_no_execution_at_all() -> None:
    caught(run_of().model_copy(update={"executions": ()}), "T01", "at least 1 test", "no execution")


def test_t01_a_skip_that_nobody_declared() -> None:
    record = run_of().model_copy(update={"executions": (), "skipped": True, "reason": "no time"})
    caught(record, "T01", "a skip that sluice.yaml declares", "sluice.yaml does not say so")


def test_t01_a_skip_under_which_tests_ran() -> None:
    caught(run_of(skipped=True), "T01", "a skip", "and yet tests ran", skip_reason="data only")


def test_t01_all_shards_of_a_cell_are_empty() -> None:
    shards = [none_found(cell=TestCell(label=f"{n}of2", shard=n, shards=2), collected=12) for n in (1, 2)]
    caught(run_of(*shards), "T01", "at least 1 test", "pytest [1of2]: 0 tests, exit code 0; pytest [2of2]: 0 tests")


@pytest.mark.parametrize("code", ["REPORT_MISSING", "REPORT_EMPTY", "REPORT_TRUNCATED", "XML_NOT_WELL_FORMED"])
def test_t05_a_report_that_cannot_be_read(code: str) -> None:
    caught(run_of(unread(code, exit_code=2)), "T05", "a whole JUnit report", f"{code}: line 3 (exit code 2)")


def test_t05_no_report_and_no_word_about_it() -> None:
    caught(run_of(execution(exit_code=1, report=None)), "T05", "a whole JUnit report", "REPORT_MISSING")


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        (unread("REPORT_STALE"), "REPORT_STALE: line 3"),
        (execution(report_written_at=later(2.7)), "written 0.3 s before the runner began"),
        (execution(report_written_at=later(-7200)), "written 7203.0 s before the runner began"),
        (execution(report_written_at=later(2.93)), "written 0.1 s before the runner began"),
        (execution(report_written_at=later(0.75)), "written 2.2 s before the runner began"),
        (execution(report_timestamp=later(0.4)), "its own time stamp is 3 s before the runner began"),
        (execution(report_timestamp=later(-86400)), "its own time stamp is 86403 s before the runner began"),
        (execution(report_written_at=None), "nobody knows when it was written"),
    ],
    ids=["refused-by-the-stage", "a-moment", "hours", "two-ticks", "whole-seconds", "own-stamp", "copied", "unknown"],
)
def test_t04_a_report_of_another_run(lie: TestExecution, observed: str) -> None:
    caught(run_of(lie), "T04", "after the runner began", observed)


@pytest.mark.parametrize(
    ("lie", "passed", "observed"),
    [
        (execution(exit_code=1), False, "exit red, report green, stage failed"),
        (red_execution(exit_code=0), True, "exit green, report red, stage passed"),
        (red_execution(exit_code=0), False, "exit green, report red, stage failed"),
        (red_execution(), True, "exit red, report red, stage passed"),
    ],
)
def test_t03_exit_code_report_and_verdict_disagree(lie: TestExecution, passed: bool, observed: str) -> None:
    caught(run_of(lie, passed=passed), "T03", "that agree", f"pytest [py3.11]: {observed}")


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"declared_total": 15}, "declared 15 tests, 0 failures, 0 errors, 1 skipped; counted 12 tests"),
        ({"declared_total": 10}, "declared 10 tests"),
        ({"declared_failed": 1}, "declared 12 tests, 1 failures"),
        ({"declared_errors": 2}, "2 errors"),
        ({"declared_skipped": 0}, "0 skipped; counted"),
    ],
)
def test_t06_the_counters_are_not_the_cases(lie: dict[str, int], observed: str) -> None:
    caught(run_of(execution(**lie)), "T06", "the number of the cases", observed)


@pytest.mark.parametrize("framework", ["pytest", "unittest"])
def test_t08_the_same_test_twice(framework: str) -> None:
    lie = execution(framework=framework, duplicate_ids=("a::b", "a::c", "a::d", "a::e"))
    assert caught(run_of(lie), "T08", "every test once", "4 repeated").observed.endswith("repeated, a::b, a::c, a::d")


@pytest.mark.parametrize("framework", ["command", "robot", "behave"])
def test_t08_where_names_may_repeat_it_is_shown_and_does_not_stop(framework: str) -> None:
    report = check(run_of(execution(framework=framework, duplicate_ids=("says hello",))))
    assert report.accepted
    (shown,) = report.warnings
    assert (shown.code, shown.severity, shown.status) == ("T08", Severity.WARN, CheckStatus.FAILED)


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"case_seconds": 812.0}, "812.000 s in all, 0 unreadable, 0 of 0 s, in a run of 1.9 s"),
        ({"case_seconds": 812.0, "invalid_durations": 3}, "812.000 s in all, 3 unreadable"),
        ({"case_seconds": float("inf")}, "inf s in all"),
        ({"total": 120, "passed": 118, "declared_total": 120, "case_seconds": 0.0, "wall_seconds": 30.0,
          "started_at": later(-30), "report_written_at": later(4)}, "120 of 0 s"),
        ({"total": 50, "passed": 50, "declared_total": 50, **ZEROS}, "50 of 0 s, in a run of 5.0 s"),
    ],
    ids=["too-long", "too-long-and-invalid", "infinite", "all-zero", "all-zero-just-so"],
)  # fmt: skip
def test_t07_durations_that_cannot_be_true(lie: dict[str, Any], observed: str) -> None:
    caught(run_of(execution(**lie), started_at=later(-40)), "T07", "durations that are numbers", observed)


def test_t07_what_cannot_be_read_is_kept_empty_and_shown_with_its_number() -> None:
    report = check(run_of(execution(invalid_durations=1), execution(cell=TestCell(label="py3.12"))))
    assert report.accepted
    (shown,) = report.warnings
    assert (shown.code, shown.name, shown.severity) == ("T07", "DURATION_INVALID", Severity.WARN)
    assert "1 unreadable" in shown.observed
    assert "py3.12" not in shown.observed


def test_t07_as_long_as_all_workers_together_is_possible() -> None:
    workers = {"pytest": 8, "unittest": 8, "behave": 8, "robot": 8, "command": 256}
    most = {name: one.most_seconds(execution(framework=name, wall_seconds=10.0)) for name in workers}
    assert most == {name: 10.0 * number + 2.0 for name, number in workers.items()}
    assert check(run_of(execution(case_seconds=1.9 * 8 + 2.0))).accepted
    caught(run_of(execution(case_seconds=1.9 * 8 + 2.001)), "T07", "durations that are numbers", "s in all")


def test_t07_a_duration_that_is_not_a_number_cannot_be_checked() -> None:
    report = check(run_of(execution().model_copy(update={"case_seconds": float("nan")})))
    assert not report.accepted
    assert result(report, "T07").status is CheckStatus.COULD_NOT_RUN


def test_what_no_report_tells_is_not_asked() -> None:
    assert not_asked(check(run_of(unread(exit_code=2))))["T01"] == "no report says how many tests there were (T14, T05)"
    counters = dict.fromkeys(("declared_total", "declared_failed", "declared_errors", "declared_skipped"))
    assert not_asked(believed(run_of(execution(**counters))))["T06"] == "the reports declare no counters"
    without = not_asked(believed(run_of(execution(coverage=None))))
    assert (without["T12"], without["T13"]) == ("no coverage was measured",) * 2


def test_t10_everything_was_skipped() -> None:
    lie = execution(passed=0, xfailed=0, skipped=12, declared_skipped=12)
    caught(run_of(lie), "T10", "not skipped", "pytest [py3.11]: all tests skipped")


def test_t10_all_of_one_cell_of_the_matrix_was_skipped() -> None:
    lie = execution(cell=TestCell(label="py3.12", python="3.12"), passed=0, xfailed=0, skipped=12, declared_skipped=12)
    caught(run_of(execution(), lie), "T10", "not skipped", "pytest [py3.12]: all tests skipped")


def test_t16_an_unexpected_pass_that_the_runner_calls_red() -> None:
    lie = execution(framework="unittest", exit_code=1, passed=9, xpassed=1)
    caught(run_of(lie, passed=True), "T16", "no unexpected pass", "unittest [py3.11]: 1 unexpected passes")


def test_t16_a_strict_expected_failure_that_passed_in_a_green_run() -> None:
    lie = execution(passed=9, xpassed=1, xpassed_strict=1)
    caught(run_of(lie), "T16", "no unexpected pass", "1 unexpected passes, exit green, report green, stage passed")


def test_t16_a_strict_expected_failure_that_passed_and_only_the_exit_code_is_green() -> None:
    lie = red_execution(exit_code=0, xpassed_strict=1)
    caught(run_of(lie), "T16", "no unexpected pass", "exit green, report red")


def test_t16_an_unexpected_pass_that_the_runner_lets_pass_is_shown() -> None:
    report = check(run_of(execution(passed=9, xpassed=1)))
    assert report.accepted
    (warning,) = report.warnings
    assert (warning.code, "1 unexpected passes" in warning.observed) == ("T16", True)


def test_t16_an_unexpected_pass_that_is_counted_twice() -> None:
    caught(run_of(execution(passed=10, xpassed=1)), "T16", "no unexpected pass", "1 unexpected passes")


@pytest.mark.parametrize(
    ("lie", "name", "observed"),
    [
        ({"coverage": None}, "COVERAGE_MISSING", "COVERAGE_MISSING: no coverage"),
        ({"coverage": None, "coverage_problem": problem("COVERAGE_MISSING", "nothing was measured")},
         "COVERAGE_MISSING", "nothing was measured"),
        ({"coverage": None, "coverage_problem": problem("COVERAGE_STALE", "older than the run")},
         "COVERAGE_STALE", "older than the run"),
    ],
)  # fmt: skip
def test_t11_a_gate_without_coverage(lie: dict[str, Any], name: str, observed: str) -> None:
    found = caught(run_of(execution(**lie)), "T11", "the gate of 80 %", observed, coverage_gate=80.0)
    assert found.name == name


def test_t11_believes_measured_coverage_and_asks_no_command_beside_python() -> None:
    believed(run_of(execution(), execution(framework="command", coverage=None)), coverage_gate=80.0)


def test_t11_asks_nothing_of_red_tests() -> None:
    report = believed(run_of(red_execution(coverage=None)), coverage_gate=80.0)
    assert not_asked(report)["T11"] == "no green execution to hold against the gate"


def test_t12_coverage_of_no_line_stops_under_a_gate() -> None:
    lie = execution(coverage=coverage(lines_valid=0, lines_covered=0))
    caught(run_of(lie), "T12", "at least 1 measured line", "pytest [py3.11]: 0 lines", coverage_gate=80.0)


def test_t12_coverage_of_no_line_is_shown_without_a_gate() -> None:
    report = check(run_of(execution(coverage=coverage(lines_valid=0, lines_covered=0))))
    assert report.accepted
    assert [(each.code, each.severity) for each in report.warnings] == [("T12", Severity.WARN)]


@pytest.mark.parametrize(
    "lie",
    [
        {"started_at": later(-60), "report_written_at": later(4)},
        {"ended_at": later(70)},
        {"started_at": later(5), "ended_at": later(1), "report_written_at": later(5)},
        {"wall_seconds": 90.0},
        {"report_written_at": NOW + timedelta(days=1)},
        {"report_timestamp": NOW + timedelta(days=1)},
    ],
    ids=["before-the-stage", "after-the-stage", "backwards", "longer-than-its-times", "file-in-future",
         "stamp-in-future"],
)  # fmt: skip
def test_t17_tests_outside_of_the_stages_time(lie: dict[str, Any]) -> None:
    caught(run_of(execution(**lie)), "T17", "tests between 2026-11-23 12:00:00", "s outside of it")


def test_t17_a_stage_in_the_future() -> None:
    caught(run_of(), "T17", "tests between", "3595 s outside", now=later(-3590))


def test_a_lie_of_many_cells_is_told_in_three_names_and_a_number() -> None:
    lies = [none_found(cell=TestCell(label=f"c{n}")) for n in range(12)]
    found = caught(run_of(*lies), "T01", "at least 1 test", "pytest [c2]: 0 tests, exit code 0; and 9 more")
    assert "c3" not in found.message
    assert caught(run_of(*lies[:3]), "T01", "at least 1 test", "pytest [c2]").observed.endswith("exit code 0")


def test_an_artifact_alone_is_no_proof() -> None:
    assert not check(run_of(none_found(report=artifact()))).accepted


def test_no_execution_escapes_between_the_frames() -> None:
    """What the checks of reports leave out (killed, unread, nothing ran) is stopped by another check, always."""
    for code, stored, total, exit_code, signal in itertools.product(
        (None, "REPORT_MISSING", "REPORT_STALE"), (True, False), (0, 12), (0, 1), (None, 9)
    ):
        each = (execution if total else none_found)(
            report=artifact() if stored else None,
            report_problem=problem(code) if code else None,
            exit_code=exit_code,
            signal=signal,
        )
        record = run_of(each)
        honest = total and stored and code is None and exit_code == 0 and signal is None
        assert check(record).accepted == bool(honest), (code, stored, total, exit_code, signal)
        assert bool(reported(record)) == bool(total and stored and code is None and signal is None)
