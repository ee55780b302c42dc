"""The rows of a test record that the boundary after the tests looks at, one function a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from data_checks import execution as one
from data_checks.facts import BoundaryFacts
from data_checks.frames import Row
from sluice.records.testing import TestExecution, TestRecord
from sluice.states import Severity

SKIPPED, NOT_GATED, LEFT_TO_T04 = "skipped as declared", "not held against a gate", "stale (T04)"
NAMED_ONCE = {"pytest", "unittest"}  # elsewhere two tests may honestly have one name
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


def execution_rows(record: TestRecord, facts: BoundaryFacts) -> list[Row]:
    """Return one row an execution: how it ended, what is known of it, its place in time."""
    total = Counter[object]()
    for each in record.executions:
        total[one.cell(each)] += each.total
    return [
        {
            "label": one.label(each),
            "ended": one.ended(each),
            "exit_code": each.exit_code,
            "total": each.total,
            "tests_missing": int(one.is_counted(each) and not (each.total or _may_be_empty(each, total))),
            "report": LEFT_TO_T04 if one.is_stale(each) else one.report(each),
            "age": one.age(each),
            "coverage": one.coverage(each) if is_gated(each, record, facts) else NOT_GATED,
            "lines_missing": int(each.coverage is not None and each.coverage.lines_valid == 0),
            "only_tests": int(each.coverage is not None and 0 < each.coverage.lines_valid == test_lines(each)),
            "test_lines": test_lines(each),
            "below_gate": _below_gate(each, record, facts),
            "outside_seconds": _outside(each, record, facts),
        }
        for each in record.executions
    ]


def test_lines(execution: TestExecution) -> int:
    """Return how many of the measured lines are lines of tests."""
    return execution.coverage.test_lines_valid if execution.coverage else 0


def _below_gate(execution: TestExecution, record: TestRecord, facts: BoundaryFacts) -> float:
    """Return by how many percent points coverage misses the gate of a stage that calls itself passed."""
    rate = execution.coverage.line_rate if execution.coverage else None
    alone = execution.cell.shards == 1 and is_gated(execution, record, facts)
    if rate is None or facts.coverage_gate is None or not record.passed or not alone:
        return 0.0
    return max(0.0, facts.coverage_gate - rate * 100)


def change_rows(record: TestRecord, facts: BoundaryFacts) -> list[Row]:
    """Return one row when lines of the change are held against a gate: by how many percent points they miss it."""
    gate, change = facts.changed_lines_gate, facts.changed_lines
    if not is_change_gated(record, facts) or gate is None or change is None:
        return []
    rate = 100 * change.covered / change.valid
    missing = "; ".join(change.missing[:3])
    return [{"valid": change.valid, "rate": rate, "points_missing": max(0.0, gate - rate), "missing": missing}]


def is_change_gated(record: TestRecord, facts: BoundaryFacts) -> bool:
    """Tell whether the change wrote lines that are measured, and the stage calls itself passed."""
    measured = facts.changed_lines is not None and facts.changed_lines.valid > 0
    return record.passed and facts.changed_lines_gate is not None and measured


def shard_rows(record: TestRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return one row a cell that is split into shards: which of them ran, and whether their tests are all of them."""
    return [_shard_row(shards) for shards in split_cells(record)]


def split_cells(record: TestRecord) -> list[list[TestExecution]]:
    """Return the executions of each cell that is split; `command` is run whole by the first shard."""
    found: dict[object, list[TestExecution]] = {}
    for each in record.executions:
        if each.cell.shards > 1 and each.framework != "command":
            found.setdefault(one.cell(each), []).append(each)
    return list(found.values())


def _shard_row(shards: list[TestExecution]) -> Row:
    numbers = {each.cell.shard for each in shards}
    known = [each.collected for each in shards if each.collected is not None]
    whole = len(known) == len(shards) and all(each.exit_code == 0 and one.ended(each) == one.SELF for each in shards)
    ran = sum(each.total for each in shards)
    lost = dict.fromkeys(name for each in shards for name in each.lost_ids or ())
    listed = all(each.lost_ids is not None for each in shards)
    # Subtests and broken teardowns are cases beside the tests that were collected: more is no lie.
    fewer = len(lost) if listed else max(0, max(known, default=0) - ran)
    return {
        "label": f"{shards[0].framework} in {shards[0].cell.shards} shards",
        "absent": ", ".join(str(n) for n in range(1, shards[0].cell.shards + 1) if n not in numbers) or "none",
        "shards_missing": shards[0].cell.shards - len(numbers),
        "collected": ", ".join(map(str, sorted(set(known)))) or "unknown",
        "disagree": int(len(set(known)) > 1),
        "ran": ran,
        "tests_lost": fewer if whole else 0,
        "lost": f", none of them {', '.join(list(lost)[:3])}" if lost and whole else "",
    }


def _outside(execution: TestExecution, record: TestRecord, facts: BoundaryFacts) -> float:
    """Return by how many seconds its times leave the stage's window, run backwards, or lie in the future."""
    written = execution.report_written_at
    stamped = execution.report_timestamp
    gaps: list[timedelta] = [
        record.started_at - execution.started_at,
        execution.ended_at - record.ended_at,
        execution.started_at - execution.ended_at,
        execution.ended_at - facts.now,
        (written - execution.ended_at) if written else timedelta(0),
        (stamped - execution.ended_at) if stamped else timedelta(0),
    ]
    longer = execution.wall_seconds - (execution.ended_at - execution.started_at).total_seconds()
    return max(0.0, longer, *(gap.total_seconds() for gap in gaps))


def _may_be_empty(execution: TestExecution, total: Mapping[object, int]) -> bool:
    """A shard may be left without a test, as long as the other shards of its cell have some."""
    return execution.cell.shards > 1 and total[one.cell(execution)] > 0


def reported(record: TestRecord) -> list[TestExecution]:
    """Return the executions that ended by themselves and have a readable report with at least one test."""
    return [
        each
        for each in record.executions
        if one.ended(each) == one.SELF and one.report(each) == one.READABLE and each.total
    ]


def report_rows(record: TestRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return one row a report that says something."""
    ran = Counter[object]()
    for each in record.executions:
        ran[one.cell(each)] += each.total - each.skipped
    return [_report_row(each, record, ran[one.cell(each)]) for each in reported(record)]


def _report_row(execution: TestExecution, record: TestRecord, ran_in_cell: int) -> Row:
    counters = one.counters(execution)
    return {
        "label": one.label(execution),
        "story": story(execution, record),
        "declared": ", ".join(f"{declared} {name}" for name, declared, _ in counters),
        "counted": ", ".join(f"{found} {name}" for name, _, found in counters),
        "drift": sum(abs(declared - found) for _, declared, found in counters),
        "retried": execution.flaky or (len(execution.passed_on_retry) if not execution.red else 0),
        "retries": ", ".join(execution.passed_on_retry[:3]),
        "duplicates": len(execution.duplicate_ids),
        "duplicate": ", ".join(execution.duplicate_ids[:3]),
        "unreadable": execution.invalid_durations,
        "zeros": one.all_zero(execution),
        "case_seconds": execution.case_seconds,
        "wall_seconds": execution.wall_seconds,
        "excess_seconds": execution.case_seconds - one.most_seconds(execution),
        "ran_in_cell": ran_in_cell,
        "unexpected": unexpected(execution, record),
    }


def story(execution: TestExecution, record: TestRecord) -> str:
    """Tell what exit code, report and stage say; an unexpected pass is red where the runner holds it so."""
    red = execution.red > 0 or (execution.xpassed > 0 and execution.exit_code != 0)
    if execution.again is not None and execution.again.missing and record.passed:
        return f"stage passed, and {len(execution.again.missing)} of the tests that were to run again are not green"
    return (
        f"exit {'red' if execution.exit_code else 'green'}, report {'red' if red else 'green'}, "
        f"stage {'passed' if record.passed else 'failed'}"
    )


def unexpected(execution: TestExecution, record: TestRecord) -> int:
    """Return the unexpected passes that count as good: against their runner's rule, counted twice, or let pass."""
    if is_against_rule(execution, record):
        return max(execution.xpassed, execution.xpassed_strict)
    return execution.xpassed if execution.exit_code == 0 else 0


def of_unexpected(record: TestRecord, _facts: BoundaryFacts) -> Severity:
    """Stop where the runner's own rule is hidden; an unexpected pass that the runner lets pass is shown."""
    hidden = any(is_against_rule(each, record) for each in reported(record))
    let_pass = any(unexpected(each, record) for each in reported(record)) and not hidden
    return Severity.WARN if let_pass else Severity.STOP


def is_against_rule(execution: TestExecution, record: TestRecord) -> bool:
    """Tell whether an unexpected pass is good only because something hides what the runner's own rule says of it."""
    green = execution.passed + execution.flaky + execution.xfailed + execution.xpassed
    counted_twice = execution.xpassed > 0 and green + execution.red + execution.skipped > execution.total
    strict_and_green = execution.xpassed_strict > 0 and (execution.exit_code == 0 or record.passed)
    red_only_by_them = execution.xpassed > 0 and execution.exit_code != 0 and not execution.red
    return counted_twice or strict_and_green or (red_only_by_them and record.passed)


def is_gated(execution: TestExecution, record: TestRecord, facts: BoundaryFacts) -> bool:
    """Tell whether a coverage gate is held against it: green, and run by Python, where anything is."""
    if not facts.is_gated or execution.exit_code != 0 or execution.red:
        return False
    return execution.framework != "command" or all(each.framework == "command" for each in record.executions)
