"""After the tests: did tests run, and do report, exit code and verdict tell one story?"""

from __future__ import annotations

from data_checks import execution as one
from data_checks import execution_rows as rows
from data_checks import test_history as past
from data_checks.after_tests_usual import CHECKS, FRAMES, gates, number, uncovered
from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, at_least, at_most, in_set
from sluice.records.testing import TestRecord
from sluice.states import Severity

NO_EXECUTION = "no test was run (T01), or the stage is skipped by declaration"
NO_REPORT = "no execution has a readable report with at least one test (T14, T01, T05)"


def _ran(record: TestRecord, facts: BoundaryFacts) -> str:
    if rows.is_absent(record):
        return f"{rows.absence(record, facts)}; the stage says: {record.reason or 'nothing'}"
    return f"{record.total} tests in {number(len(record.executions), 'execution')}"


def _uncounted(record: TestRecord, _facts: BoundaryFacts) -> str:
    known = rows.is_absent(record) or any(one.is_counted(each) for each in record.executions)
    return "" if known else "no report says how many tests there were (T14, T05)"


def _ungated(record: TestRecord, facts: BoundaryFacts) -> str:
    if not facts.is_gated:
        return "no coverage gate is set"
    gated = any(rows.is_gated(each, record, facts) for each in record.executions)
    return "" if rows.is_absent(record) or gated else "no green execution to hold against the gate"


def _undeclared(record: TestRecord, _facts: BoundaryFacts) -> str:
    told = any(one.counters(each) for each in rows.reported(record))
    return "" if told or not rows.reported(record) else "the reports declare no counters"


def _duplicates_stop(record: TestRecord, _facts: BoundaryFacts) -> Severity:
    """Only where the runner's ids are unique is a repeated one a lie; else it is shown."""
    repeated = [each.framework for each in rows.reported(record) if each.duplicate_ids]
    return Severity.WARN if repeated and not rows.NAMED_ONCE & set(repeated) else Severity.STOP


def _misleads(record: TestRecord) -> bool:
    """Tell whether durations that are kept cannot be true; one that is kept empty misleads nobody."""
    return any(one.all_zero(each) or each.case_seconds > one.most_seconds(each) for each in rows.reported(record))


def _skip_name(record: TestRecord, facts: BoundaryFacts) -> str:
    ran = all(row["ran_in_cell"] for row in rows.report_rows(record, facts))
    spike = any(row["skips_too_many"] for row in past.usual_rows(record, facts))
    return "SKIP_SPIKE" if ran and spike else "ALL_SKIPPED"


def _coverage_name(record: TestRecord, facts: BoundaryFacts) -> str:
    gated = [each for each in record.executions if rows.is_gated(each, record, facts)]
    stale = any("STALE" in one.coverage(each).split(":")[0] for each in gated)
    return "COVERAGE_STALE" if stale else "COVERAGE_MISSING"


CONTRACT = Contract(
    record=TestRecord,
    frames=(
        Frame(
            "absence",
            ("what",),
            rows.absence_rows,
            count=lambda record, _: int(rows.is_absent(record)),
            empty="there are executions",
        ),
        Frame(
            "executions",
            (
                "label",
                "ended",
                "exit_code",
                "total",
                "tests_missing",
                "report",
                "age",
                "coverage",
                "lines_missing",
                "only_tests",
                "test_lines",
                "below_gate",
                "outside_seconds",
            ),
            rows.execution_rows,
            count=lambda record, _: len(record.executions),
            empty=NO_EXECUTION,
        ),
        Frame(
            "reports",
            (
                "label",
                "story",
                "declared",
                "counted",
                "drift",
                "retried",
                "retries",
                "duplicates",
                "duplicate",
                "unreadable",
                "zeros",
                "case_seconds",
                "wall_seconds",
                "excess_seconds",
                "ran_in_cell",
                "unexpected",
            ),
            rows.report_rows,
            count=lambda record, _: len(rows.reported(record)),
            empty=NO_REPORT,
        ),
        *FRAMES,
    ),
    parameters=lambda _record, _facts: {},
    checks=(
        Check(
            "T14",
            (in_set("executions", "ended", [one.SELF]),),
            expected=lambda _record, _: "test processes that end by themselves",
            observed=lambda record, _: f"{number(len(record.executions), 'execution')} that did",
            culprit=lambda row: f"{row['label']} {row['ended']} (exit code {row['exit_code']})",
        ),
        Check(
            "T01",
            (at_most("executions", "tests_missing", 0), in_set("absence", "what", [rows.SKIPPED])),
            expected=lambda record, _: (
                "a skip that sluice.yaml declares" if record.skipped else "at least 1 test in every execution"
            ),
            observed=_ran,
            culprit=lambda row: (
                str(row["what"])
                if "what" in row
                else f"{row['label']}: {row['total']} tests, exit code {row['exit_code']}"
            ),
            unless=_uncounted,
        ),
        Check(
            "T05",
            (in_set("executions", "report", [one.READABLE, rows.LEFT_TO_T04]),),
            expected=lambda _record, _: "a whole JUnit report of every execution",
            observed=lambda record, _: number(len(record.executions), "whole report"),
            culprit=lambda row: f"{row['label']}: {row['report']} (exit code {row['exit_code']})",
        ),
        Check(
            "T04",
            (in_set("executions", "age", [one.THIS_RUN, one.NO_REPORT]),),
            expected=lambda _record, _: "a report that was written after the runner began",
            observed=lambda _record, _: "reports of this run",
            culprit=lambda row: f"{row['label']}: {row['age']}",
        ),
        Check(
            "T16",
            (at_most("reports", "unexpected", 0),),
            expected=lambda _record, _: "no unexpected pass that is counted as good",
            observed=lambda _record, _: "none that is",
            culprit=lambda row: f"{row['label']}: {row['unexpected']} unexpected passes, {row['story']}",
            severity=rows.of_unexpected,
        ),
        Check(
            "T03",
            (in_set("reports", "story", rows.HONEST_STORIES),),
            expected=lambda _record, _: "exit code, report and stage that agree",
            observed=lambda record, _: "; ".join({rows.story(each, record) for each in rows.reported(record)}),
            culprit=lambda row: f"{row['label']}: {row['story']}",
        ),
        Check(
            "T06",
            (at_most("reports", "drift", 0),),
            expected=lambda _record, _: "counters that are the number of the cases",
            observed=lambda record, _: f"{record.total} tests, as declared",
            culprit=lambda row: f"{row['label']}: declared {row['declared']}; counted {row['counted']}",
            unless=_undeclared,
        ),
        Check(
            "T08",
            (at_most("reports", "duplicates", 0),),
            expected=lambda _record, _: "every test once in an execution",
            observed=lambda _record, _: "no test twice",
            culprit=lambda row: f"{row['label']}: {row['duplicates']} repeated, {row['duplicate']}",
            severity=_duplicates_stop,
        ),
        Check(
            "T07",
            (
                at_most("reports", "zeros", 0),
                at_most("reports", "excess_seconds", 0),
                at_most("reports", "unreadable", 0),
            ),
            expected=lambda _record, _: "durations that are numbers, not negative, and fit into the time of the run",
            observed=lambda record, _: f"{sum(each.case_seconds for each in record.executions):.3f} s in all",
            culprit=lambda row: (
                f"{row['label']}: {row['case_seconds']:.3f} s in all, {row['unreadable']} unreadable, "
                f"{row['zeros']} of 0 s, in a run of {row['wall_seconds']:.1f} s"
            ),
            name=lambda record, _: "DURATIONS_IMPOSSIBLE" if _misleads(record) else "DURATION_INVALID",
            severity=lambda record, _: Severity.STOP if _misleads(record) else Severity.WARN,
        ),
        Check(
            "T10",
            (at_least("reports", "ran_in_cell", 1), at_most("usual", "skips_too_many", 0)),
            expected=lambda _record, _: "at least 1 test that is not skipped, and not far more skips than usual",
            observed=lambda record, _: f"{sum(each.skipped for each in record.executions)} of {record.total} skipped",
            culprit=lambda row: (
                f"{row['label']}: all tests skipped"
                if "label" in row
                else f"{row['series']}: {row['skipped']} of {row['total']} skipped, {row['usual_skipped']:.0f} before"
            ),
            name=_skip_name,
            history=lambda record, _: past.metrics("skipped", record),
        ),
        Check(
            "T11",
            (in_set("executions", "coverage", [one.MEASURED, rows.NOT_GATED]),),
            expected=lambda _record, facts: f"coverage to hold against the gate of {gates(facts)}",
            observed=lambda _record, _: "coverage of every gated execution",
            culprit=lambda row: f"{row['label']}: {row['coverage']}",
            unless=_ungated,
            name=_coverage_name,
        ),
        Check(
            "T12",
            (at_most("executions", "lines_missing", 0), at_most("executions", "only_tests", 0)),
            expected=lambda _record, _: "at least 1 measured line that is no line of tests",
            observed=lambda record, _: f"{sum(e.coverage.lines_valid for e in record.executions if e.coverage)} lines",
            culprit=lambda row: (
                f"{row['label']}: "
                + (f"all {row['test_lines']} lines are of tests" if row["only_tests"] else "0 lines")
            ),
            unless=uncovered,
            severity=lambda _record, facts: Severity.STOP if facts.is_gated else Severity.WARN,
        ),
        Check(
            "T17",
            (at_most("executions", "outside_seconds", one.CLOCK_SECONDS),),
            expected=lambda record, _: f"tests between {record.started_at:%F %T} and {record.ended_at:%F %T} UTC",
            observed=lambda _record, _: "tests within the stage's time",
            culprit=lambda row: f"{row['label']}: {row['outside_seconds']:.0f} s outside of it",
        ),
        *CHECKS,
    ),
)
