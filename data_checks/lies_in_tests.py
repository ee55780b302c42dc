"""The lies of test runs: what looks green after the test stage and is not."""

from __future__ import annotations

from data_checks.lie import Lie
from sluice.states import Severity, StageName

STOP, WARN = Severity.STOP, Severity.WARN
TEST = StageName.TEST

LIES = (
    Lie(
        "T14",
        "KILLED",
        TEST,
        STOP,
        "A test process was killed; whatever its report says is not the whole truth.",
        "a signal, the time limit or the out-of-memory killer ended a test process, and the report still looks whole",
        "See the end of the stage's log; raise `test.timeout` or `test.memory`, or mend the crash.",
    ),
    Lie(
        "T01",
        "NO_TESTS",
        TEST,
        STOP,
        "No test ran.",
        "nothing was collected, and the runner exits 0 (discovery finds nothing, `|| true`, all deselected)",
        "Look at the paths, markers and filters in the command; a project without tests says so with `test.skip`.",
    ),
    Lie(
        "T05",
        "REPORT_BROKEN",
        TEST,
        STOP,
        "The test report cannot be believed.",
        "the report is missing, empty, truncated, not well-formed, or not JUnit",
        "See the end of the stage's log for why the runner did not finish its report, and `test.report` for its path.",
    ),
    Lie(
        "T04",
        "REPORT_STALE",
        TEST,
        STOP,
        "The test report is older than the tests.",
        "the report was written before the runner began: it is of another run",
        "Take the report out of the repository, and see that the command writes it anew (`test.report`).",
    ),
    Lie(
        "T03",
        "EXIT_DISAGREES",
        TEST,
        STOP,
        "The exit code, the report and the verdict disagree.",
        "the runner exits 0 and its report has failures, or it exits red and all tests passed",
        "Look for what hides the exit code (`|| true`, a pipe, `;`) or for what else ends the runner red (a threshold, "
        "a plugin, an error outside of tests) in the stage's log.",
    ),
    Lie(
        "T06",
        "COUNTS_DISAGREE",
        TEST,
        STOP,
        "The report counts other tests than it holds.",
        "the counters of a suite are not the number of its cases",
        "See whether something merges, filters or cuts the report after the runner wrote it.",
    ),
    Lie(
        "T08",
        "DUPLICATE_TEST",
        TEST,
        STOP,
        "The same test ran twice in one execution.",
        "the same test id twice in one execution: shards or paths overlap",
        "Look for overlapping paths or shards. Where only names are known and may repeat, this is shown as a warning.",
    ),
    Lie(
        "T09",
        "SHARD_MISSING",
        TEST,
        STOP,
        "The shards together are not the whole suite.",
        "a shard did not run, or a test that was collected is in the report of no shard, whatever the numbers say",
        "See each shard's log for what it collected; that must not depend on the shard, the time or the host.",
    ),
    Lie(
        "T02",
        "TEST_COUNT_DROP",
        TEST,
        STOP,
        "Tests are gone, and no test file was deleted.",
        "far fewer tests than usual while no test file was deleted; a warning when it may be meant: test files lost "
        "lines, or another file was deleted",
        "Look for a path, marker or import that hides tests from the runner; were they removed on purpose, waive T02 "
        "for a time or set `test.max_drop`.",
    ),
    Lie(
        "T07",
        "DURATIONS_IMPOSSIBLE",
        TEST,
        STOP,
        "The durations in the report cannot be true.",
        "durations are all zero, or sum up to more than the run took; those that are no number of zero or more "
        "(`DURATION_INVALID`: `-1`, `NaN`, `12s`) are left empty, counted, and shown as a warning",
        "Look at what writes the report; a clock that tests replace must be put back.",
    ),
    Lie(
        "T10",
        "ALL_SKIPPED",
        TEST,
        STOP,
        "So many tests were skipped that the rest proves little.",
        "everything, or far more than usual of what used to run (`SKIP_SPIKE`), was skipped, and the runner is green",
        "See the reasons of the skips in the report: often a missing service, variable or dependency.",
    ),
    Lie(
        "T15",
        "PASSED_ON_RETRY",
        TEST,
        WARN,
        "Tests only passed when they were run again.",
        "green only on a retry: recorded as flaky, never as plainly passed",
        "Mend the tests, or what makes them depend on time, order or network.",
    ),
    Lie(
        "T16",
        "UNEXPECTED_PASS",
        TEST,
        STOP,
        "A test that is expected to fail passed, and that was counted as good.",
        "an expected failure passed under strict mode, and the run is green, or it is counted as passed; one that the "
        "runner itself lets pass (no strict mode) is a warning",
        "Take the expected-failure mark off the test, or mend the test.",
    ),
    Lie(
        "T11",
        "COVERAGE_MISSING",
        TEST,
        STOP,
        "A coverage gate is set, and there is no coverage to hold against it.",
        "a gate is set, and coverage is missing, of another commit, or older than the tests",
        "See why coverage was not measured in the stage's log, or take `test.coverage.fail_under` out.",
    ),
    Lie(
        "T12",
        "COVERAGE_EMPTY",
        TEST,
        STOP,
        "Coverage was not measured over the project's own code.",
        "no measurable line, or only lines of tests, so that any percentage is true; without a gate this is a warning",
        "Name the packages to measure in `test.coverage.source`.",
    ),
    Lie(
        "T13",
        "COVERAGE_DROP",
        TEST,
        STOP,
        "Coverage is not what the stage says, has fallen, or leaves out what is new.",
        "below the gate and called passed, fallen by more than `test.coverage.max_drop` points, or the lines that the "
        "change wrote are below `test.coverage.changed_lines`",
        "`sluice report RUN` shows the files; test what is new, or say why not with a waiver of T13.",
    ),
    Lie(
        "T17",
        "TIME_TRAVEL",
        TEST,
        STOP,
        "Tests ran outside of the stage's time.",
        "test times outside of the stage's window, or in the future",
        "Check the clock of the machine (`timedatectl`), then run again.",
    ),
)
