"""What the boundary after the tests looks at: plain facts of executions, one function a frame."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from data_checks.facts import BoundaryFacts
from data_checks.frames import Row
from sluice.records.testing import TestExecution, TestRecord

SELF, READABLE, MISSING, SKIPPED = "by itself", "readable", "REPORT_MISSING: no report", "skipped as declared"
MEASURED, NOT_GATED = "measured", "not held against a gate"
CLOCK_SECONDS = 2.0  # between the clocks of processes, files and the flow
STAMP_SECONDS = 0.05  # file times lag behind the clock by a tick of the kernel
WORKERS = 64  # that may run tests at the same time without saying so (xdist, node, threads)
MANY_CASES, LONG_SECONDS = 50, 5.0  # from here on, tests that all took 0.000 s are not to be believed
NAMED_ONCE = {"pytest", "unittest"}  # elsewhere two tests may honestly have one name
# A child of a shell or wrapper that a signal ended: 128 + SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGTERM.
SIGNAL_EXITS = {132, 134, 135, 136, 137, 139, 143}
HONEST_STORIES = [
    "exit green, report green, stage passed",
    "exit green, report green, stage failed",  # another execution is red, or a gate
    "exit red, report red, stage failed",
]


def absence_rows(record: TestRecord, facts: BoundaryFacts) -> list[Row]:
    """Return one row when no test was run, or the stage calls itself skipped; none when there are executions."""
    return [{"what": absence(record, facts)}] if is_absent(record) else []


def is_absent(record: TestRecord) -> bool:
    """Tell whether there is anything to explain."""
    return record.skipped or not record.executions


def absence(record: TestRecord, facts: BoundaryFacts) -> str:
    """Tell why no test was run; only the skip that sluice.yaml declares is a good reason."""
    if not record.skipped:
        return "no execution"
    if record.executions:
        return "called skipped, and yet tests ran"
    return SKIPPED if facts.skip_reason else "called skipped, and sluice.yaml does not say so"


def label(execution: TestExecution) -> str:
    """Return framework and cell, as the user knows them."""
    return f"{execution.framework} [{execution.cell.label}]" if execution.cell.label else execution.framework


def ended(execution: TestExecution) -> str:
    """Tell how the runner ended: a wrapper's exit code betrays a child that was killed."""
    if execution.out_of_memory:
        return "killed for lack of memory"
    if execution.timed_out:
        return f"killed at its time limit after {execution.wall_seconds:.0f} s"
    if execution.signal is not None:
        return f"killed by signal {execution.signal}"
    if execution.exit_code in SIGNAL_EXITS and execution.exit_code != execution.red:
        return f"killed by signal {execution.exit_code - 128} in a child process"
    return SELF


def report(execution: TestExecution) -> str:
    """Tell whether the report could be read."""
    if execution.report_problem is not None:
        return f"{execution.report_problem.code}: {execution.report_problem.message}"
    return READABLE if execution.report is not None else MISSING


def execution_rows(record: TestRecord, facts: BoundaryFacts) -> list[Row]:
    """Return one row an execution: how it ended, what is known of it, its place in time."""
    gated_ones = gated(record, facts)
    return [
        {
            "label": label(each),
            "ended": ended(each),
            "exit_code": each.exit_code,
            "total": each.total,
            "tests_missing": int(is_counted(each) and each.total == 0),
            "report": report(each),
            "coverage": coverage(each) if each in gated_ones else NOT_GATED,
            "lines_missing": int(each.coverage is not None and each.coverage.lines_valid == 0),
            "outside_seconds": _outside(each, record, facts),
        }
        for each in record.executions
    ]


def _outside(execution: TestExecution, record: TestRecord, facts: BoundaryFacts) -> float:
    """Return by how many seconds its times leave the stage's window, run backwards, or lie in the future."""
    written = execution.report_written_at
    gaps: list[timedelta] = [
        record.started_at - execution.started_at,
        execution.ended_at - record.ended_at,
        execution.started_at - execution.ended_at,
        execution.ended_at - facts.now,
        (written - execution.ended_at) if written else timedelta(0),
    ]
    longer = execution.wall_seconds - (execution.ended_at - execution.started_at).total_seconds()
    return max(0.0, longer, *(gap.total_seconds() for gap in gaps))


def is_counted(execution: TestExecution) -> bool:
    """Tell whether the number of its tests is known; the missing report of a green runner counts as no test."""
    missing = report(execution).startswith("REPORT_MISSING:")
    return report(execution) == READABLE or (missing and execution.exit_code == 0 and ended(execution) == SELF)


def reported(record: TestRecord) -> list[TestExecution]:
    """Return the executions that ended by themselves and have a readable report with at least one test."""
    return [each for each in record.executions if ended(each) == SELF and report(each) == READABLE and each.total]


def report_rows(record: TestRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return one row a report that says something."""
    return [_report_row(each, record) for each in reported(record)]


def _report_row(execution: TestExecution, record: TestRecord) -> Row:
    return {
        "label": label(execution),
        "older_seconds": _older(execution),
        "story": story(execution, record),
        "declared": _told(execution, 1),
        "counted": _told(execution, 2),
        "drift": sum(abs(declared - found) for _, declared, found in counters(execution)),
        "duplicates": len(execution.duplicate_ids),
        "duplicate": ", ".join(execution.duplicate_ids[:3]),
        "impossible": execution.invalid_durations + _all_zero(execution),
        "case_seconds": execution.case_seconds,
        "wall_seconds": execution.wall_seconds,
        "excess_seconds": execution.case_seconds - _most_seconds(execution),
        "ran_in_cell": _ran_in_cell(execution, record.executions),
        "unexpected": unexpected(execution, record),
    }


def _older(execution: TestExecution) -> float | None:
    """Return by how many seconds the report was written before the runner began; None when nobody knows.

    File systems that keep whole seconds only get the benefit of the doubt.
    """
    written = execution.report_written_at
    if written is None:
        return None
    lag = CLOCK_SECONDS if written.microsecond == 0 else STAMP_SECONDS
    return max(0.0, (execution.started_at - written).total_seconds() - lag)


def story(execution: TestExecution, record: TestRecord) -> str:
    """Tell what exit code, report and stage say; an unexpected pass is red where the runner holds it so."""
    red = execution.red > 0 or (execution.xpassed > 0 and execution.exit_code != 0)
    return (
        f"exit {'red' if execution.exit_code else 'green'}, report {'red' if red else 'green'}, "
        f"stage {'passed' if record.passed else 'failed'}"
    )


def _most_seconds(execution: TestExecution) -> float:
    """Return the most that the durations can sum up to."""
    return execution.wall_seconds * WORKERS + CLOCK_SECONDS


def _all_zero(execution: TestExecution) -> int:
    """Return the number of tests that took 0.000 s in an execution where that cannot be true of all."""
    many = execution.total >= MANY_CASES and execution.wall_seconds >= LONG_SECONDS
    timed = execution.framework != "command"  # reports of a command may honestly have no durations
    return execution.total if many and timed and execution.case_seconds == 0 else 0


def _ran_in_cell(execution: TestExecution, all_of_them: Iterable[TestExecution]) -> int:
    """Return the tests that were not skipped in all shards of the execution's cell together."""

    def cell(each: TestExecution) -> tuple[object, ...]:
        return each.framework, each.cell.python, sorted(each.cell.env.items())

    return sum(each.total - each.skipped for each in all_of_them if cell(each) == cell(execution))


def unexpected(execution: TestExecution, record: TestRecord) -> int:
    """Return the unexpected passes that count as good: under a runner that calls them red, or counted twice."""
    if not execution.xpassed:
        return 0
    red_only_by_them = execution.exit_code != 0 and not execution.red
    known = execution.passed + execution.red + execution.skipped + execution.xfailed + execution.xpassed
    counted_twice = known > execution.total
    return execution.xpassed if counted_twice or (red_only_by_them and record.passed) else 0


def counters(execution: TestExecution) -> list[tuple[str, int, int]]:
    """Return name, declared and counted number of each counter; frameworks count expected failures as skipped."""
    pairs = (
        ("tests", execution.declared_total, execution.total),
        ("failures", execution.declared_failed, execution.failed),
        ("errors", execution.declared_errors, execution.errors),
        ("skipped", execution.declared_skipped, execution.skipped + execution.xfailed),
    )
    return [(name, declared, found) for name, declared, found in pairs if declared is not None]


def _told(execution: TestExecution, which: int) -> str:
    """Return the counters in words: the declared (1) or the counted (2) ones."""
    return ", ".join(f"{each[which]} {each[0]}" for each in counters(execution)) or "no counters"


def gated(record: TestRecord, facts: BoundaryFacts) -> list[TestExecution]:
    """Return the executions that a coverage gate is held against: those of Python's runners, else all."""
    if facts.coverage_gate is None:
        return []
    python = [each for each in record.executions if each.framework != "command"]
    return python or list(record.executions)


def coverage(execution: TestExecution) -> str:
    """Tell whether coverage was measured."""
    if execution.coverage_problem is not None:
        return f"{execution.coverage_problem.code}: {execution.coverage_problem.message}"
    return MEASURED if execution.coverage is not None else "COVERAGE_MISSING: no coverage"
