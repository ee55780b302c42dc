"""The lies of test runs: what looks green after the test stage and is not."""

from __future__ import annotations

from data_checks.lie import Lie
from sluice.states import Severity, StageName

STOP = Severity.STOP
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
        "T07",
        "DURATIONS_IMPOSSIBLE",
        TEST,
        STOP,
        "The durations in the report cannot be true.",
        "durations are negative, not finite, all zero, or sum up to more than the run took",
        "Look at what writes the report; a clock that tests replace must be put back.",
    ),
    Lie(
        "T10",
        "ALL_SKIPPED",
        TEST,
        STOP,
        "Every test was skipped.",
        "everything was skipped, and the runner is green",
        "See the reasons of the skips in the report: often a missing service, variable or dependency.",
    ),
    Lie(
        "T16",
        "UNEXPECTED_PASS",
        TEST,
        STOP,
        "A test that is expected to fail passed, and that was counted as good.",
        "an expected failure passed under strict mode, or is counted as passed",
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
        "Coverage was measured over no line at all.",
        "no measurable line, so that any percentage is true; without a gate this is a warning",
        "Name the packages to measure in `test.coverage.source`.",
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
