"""What one execution of tests says of itself, in words and numbers that a contract can hold it to."""

from __future__ import annotations

from sluice.records.testing import TestExecution

SELF, READABLE, MISSING = "by itself", "readable", "REPORT_MISSING: no report"
THIS_RUN, NO_REPORT, MEASURED = "of this run", "no report", "measured"
CLOCK_SECONDS = 2.0  # between the clocks of processes, files and the flow
STAMP_SECONDS = 0.05  # file times lag behind the clock by a tick of the kernel
# Workers that may run tests at the same time without saying so: threads and async tests, xdist, node.
WORKERS, MANY_WORKERS = {"pytest": 8, "unittest": 8, "behave": 8, "robot": 8}, 256
MANY_CASES, LONG_SECONDS = 50, 5.0  # from here on, tests that all took 0.000 s are not to be believed
# A child of a shell or wrapper that a signal ended: 128 + SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGTERM.
SIGNAL_EXITS = {132, 134, 135, 136, 137, 139, 143}


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


def is_stale(execution: TestExecution) -> bool:
    """Tell whether the stage itself refused the report for its age."""
    return execution.report_problem is not None and execution.report_problem.code == "REPORT_STALE"


def age(execution: TestExecution) -> str:
    """Tell whether the report is of this run: by the time of its file, and by its own time stamp.

    File systems that keep whole seconds only get the benefit of the doubt.
    """
    if is_stale(execution):
        return report(execution)
    if execution.report is None:
        return NO_REPORT
    written, stamped = execution.report_written_at, execution.report_timestamp
    if written is None:
        return "nobody knows when it was written"
    lag = CLOCK_SECONDS if written.microsecond == 0 else STAMP_SECONDS
    early = (execution.started_at - written).total_seconds()
    if early > lag:
        return f"written {early:.1f} s before the runner began"
    older = (execution.started_at - stamped).total_seconds() if stamped else 0.0
    return f"its own time stamp is {older:.0f} s before the runner began" if older > CLOCK_SECONDS else THIS_RUN


def is_counted(execution: TestExecution) -> bool:
    """Tell whether the number of its tests is known; the missing report of a green runner counts as no test."""
    missing = report(execution).startswith("REPORT_MISSING:")
    return report(execution) == READABLE or (missing and execution.exit_code == 0 and ended(execution) == SELF)


def cell(execution: TestExecution) -> tuple[object, ...]:
    """Return what all shards of its cell have in common."""
    return execution.framework, execution.cell.python, tuple(sorted(execution.cell.env.items()))


def counters(execution: TestExecution) -> list[tuple[str, int, int]]:
    """Return name, declared and counted number of each counter; the stage has put frameworks' dialects right."""
    pairs = (
        ("tests", execution.declared_total, execution.total),
        ("failures", execution.declared_failed, execution.failed),
        ("errors", execution.declared_errors, execution.errors),
        ("skipped", execution.declared_skipped, execution.skipped),
    )
    return [(name, declared, found) for name, declared, found in pairs if declared is not None]


def coverage(execution: TestExecution) -> str:
    """Tell whether coverage was measured."""
    if execution.coverage_problem is not None:
        return f"{execution.coverage_problem.code}: {execution.coverage_problem.message}"
    return MEASURED if execution.coverage is not None else "COVERAGE_MISSING: no coverage"


def most_seconds(execution: TestExecution) -> float:
    """Return the most that the durations can sum up to, were all its workers busy all the time."""
    workers = WORKERS.get(execution.framework, MANY_WORKERS)
    if "pytest-xdist" in execution.environment:
        workers = MANY_WORKERS
    return execution.wall_seconds * workers + CLOCK_SECONDS


def all_zero(execution: TestExecution) -> int:
    """Return the number of tests that took 0.000 s in an execution where that cannot be true of all."""
    many = execution.total >= MANY_CASES and execution.wall_seconds >= LONG_SECONDS
    timed = execution.framework != "command"  # reports of a command may honestly have no durations
    return execution.total if many and timed and execution.case_seconds == 0 else 0
