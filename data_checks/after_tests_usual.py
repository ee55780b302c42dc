"""After the tests, the part that asks what is usual: shards that are missing, tests and coverage that are gone."""

from __future__ import annotations

from data_checks import execution_rows as rows
from data_checks import test_history as past
from data_checks.contract import BoundaryFacts, Check
from data_checks.frames import Frame, Row, at_most
from sluice.records.testing import TestRecord
from sluice.states import Severity


def number(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def uncovered(record: TestRecord, _facts: BoundaryFacts) -> str:
    """Tell why no coverage can be looked at."""
    return "" if any(each.coverage for each in record.executions) else "no coverage was measured"


def gates(facts: BoundaryFacts) -> str:
    """Return the coverage that sluice.yaml asks for, empty for none."""
    whole = [f"{facts.coverage_gate:g} %"] if facts.coverage_gate is not None else []
    changed = [f"{facts.changed_lines_gate:g} % of the changed lines"] if facts.changed_lines_gate is not None else []
    return " and ".join(whole + changed)


def _covered(facts: BoundaryFacts) -> str:
    gate = f"at least {gates(facts)}, and " if facts.is_gated else ""
    return f"coverage of {gate}at most {facts.coverage_drop:g} points below what is usual"


def _fallen(row: Row) -> str:
    if "missing" in row:
        return f"{row['rate']:.1f} % of {row['valid']} changed lines; no test reached {row['missing']}"
    if "label" in row:
        return f"{row['label']}: {row['below_gate']:.2f} points below the gate, and called passed"
    return f"{row['series']}: {row['line_rate']:.1f} %, {row['usual_line_rate']:.1f} % before"


def _rates(record: TestRecord, _facts: BoundaryFacts) -> str:
    known = [each.coverage.line_rate for each in record.executions if each.coverage and each.coverage.lines_valid]
    return ", ".join(f"{rate:.1%}" for rate in known if rate is not None) or "no measured line"


FRAMES: tuple[Frame[TestRecord], ...] = (
    Frame(
        "shards",
        ("label", "absent", "shards_missing", "collected", "disagree", "ran", "tests_lost", "lost"),
        rows.shard_rows,
        count=lambda record, _: len(rows.split_cells(record)),
        empty="no cell is split into shards",
    ),
    Frame(
        "change",
        ("valid", "rate", "points_missing", "missing"),
        rows.change_rows,
        count=lambda record, facts: int(rows.is_change_gated(record, facts)),
        empty="no changed line is held against a gate",
    ),
    Frame(
        "usual",
        (
            "series",
            "total",
            "usual_total",
            "tests_missing",
            "skipped",
            "usual_skipped",
            "skips_too_many",
            "line_rate",
            "usual_line_rate",
            "points_lost",
        ),
        past.usual_rows,
        count=lambda record, _: len(past.green_series(record)),
        empty="no green execution to hold against what is usual",
    ),
)

CHECKS: tuple[Check[TestRecord], ...] = (
    Check(
        "T09",
        (
            at_most("shards", "shards_missing", 0),
            at_most("shards", "disagree", 0),
            at_most("shards", "tests_lost", 0),
        ),
        expected=lambda _record, _: "every shard, and in all of them together every test that was collected",
        observed=lambda record, _: number(len(rows.split_cells(record)), "cell") + " whole",
        culprit=lambda row: (
            f"{row['label']}: missing shards {row['absent']}; {row['ran']} tests of {row['collected']}{row['lost']}"
        ),
    ),
    Check(
        "T02",
        (at_most("usual", "tests_missing", 0),),
        expected=lambda _record, facts: f"at most {facts.count_drop:g} % fewer tests than usual",
        observed=lambda record, _: f"{record.total} tests",
        culprit=lambda row: f"{row['series']}: {row['total']} tests, {row['usual_total']:.0f} before",
        unless=lambda _record, facts: past.gone_tests(facts),
        severity=lambda record, facts: Severity.WARN if past.may_have_shrunk(record, facts) else Severity.STOP,
        history=lambda record, _: past.metrics("total", record),
    ),
    Check(
        "T15",
        (at_most("reports", "retried", 0),),
        expected=lambda _record, _: "tests that pass the first time",
        observed=lambda _record, _: "no test was run again",
        culprit=lambda row: f"{row['label']}: {row['retried']} flaky, {row['retries']}",
    ),
    Check(
        "T13",
        (
            at_most("executions", "below_gate", 0),
            at_most("change", "points_missing", 0),
            at_most("usual", "points_lost", 0),
        ),
        expected=lambda _record, facts: _covered(facts),
        observed=_rates,
        culprit=_fallen,
        unless=uncovered,
        again=lambda _record, facts: facts.changed_lines_gate is not None,  # another base, another change
        history=lambda record, _: past.metrics("line_rate", record),
    ),
)
