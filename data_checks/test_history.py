"""What a test record looks like beside what is usual: numbers of tests, of skips, and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_checks import execution as one
from data_checks.facts import BoundaryFacts
from data_checks.frames import Row
from sluice.records.history import Baseline
from sluice.records.testing import TestExecution, TestRecord
from sluice.test_paths import is_test_path

FEW = 3  # tests that may go without a word, whatever the share
SKIPS_FEW, SKIPS_SHARE = 5, 0.1  # skips more than usual that are no spike: this many, or this share of all tests
POINTS = 100.0


@dataclass(frozen=True)
class Series:
    """All shards of one framework in one cell, when every one of them is green and told its counts."""

    name: str
    executions: tuple[TestExecution, ...]

    @property
    def total(self) -> int:
        return sum(each.total for each in self.executions)

    @property
    def skipped(self) -> int:
        return sum(each.skipped for each in self.executions)

    @property
    def ran(self) -> int:
        return self.total - self.skipped

    @property
    def line_rate(self) -> float | None:
        """Coverage in percent; a shard's is only a part of its cell's."""
        found = self.executions[0].coverage if len(self.executions) == 1 else None
        rate = found.line_rate if found else None
        return None if rate is None else rate * POINTS

    def metric(self, name: str) -> str:
        return f"test.{self.name}.{name}"


def green_series(record: TestRecord) -> list[Series]:
    """Return what can be held against a history.

    A red run has fewer tests for reasons that it tells, and so has one that ran only some of them again.
    """
    names = dict.fromkeys(each.series for each in record.executions)
    found = [Series(name, tuple(e for e in record.executions if e.series == name)) for name in names]
    return [series for series in found if all(_is_green(each) for each in series.executions)]


def _is_green(execution: TestExecution) -> bool:
    good = execution.exit_code == 0 and not execution.red and execution.again is None
    return good and one.ended(execution) == one.SELF and one.report(execution) == one.READABLE


def metrics(name: str, record: TestRecord) -> Sequence[str]:
    """Return the names of a metric for every series that has it."""
    has_rate = name == "line_rate"
    return [s.metric(name) for s in green_series(record) if not has_rate or s.line_rate is not None]


def usual_rows(record: TestRecord, facts: BoundaryFacts) -> list[Row]:
    """Return one row a series: by how much it leaves what is usual; 0 where nothing usual is known."""
    return [_row(series, facts) for series in green_series(record)]


def _row(series: Series, facts: BoundaryFacts) -> Row:
    total, skipped, rate = (facts.baseline(series.metric(name)) for name in ("total", "skipped", "line_rate"))
    return {
        "series": series.name,
        "total": series.total,
        "usual_total": total.latest if total else 0.0,
        "tests_missing": max(0.0, _fewest(total, facts) - series.total) if total else 0.0,
        "skipped": series.skipped,
        "usual_skipped": skipped.median if skipped else 0.0,
        "skips_too_many": _skips_too_many(series, total, skipped),
        "line_rate": series.line_rate or 0.0,
        "usual_line_rate": min(rate.median, rate.latest) * POINTS if rate else 0.0,
        "points_lost": _points_lost(series.line_rate, rate, facts),
    }


def _fewest(baseline: Baseline, facts: BoundaryFacts) -> float:
    """Return how few are still believed: the newest run is asked, since what changed is known since that one."""
    usual = baseline.latest
    return usual - max(FEW, usual * facts.count_drop / 100)


def _skips_too_many(series: Series, total: Baseline | None, skipped: Baseline | None) -> float:
    """Return how many tests are skipped beyond what is usual, and used to run: new ones that skip hide nothing."""
    if total is None or skipped is None:
        return 0.0
    used_to_run = total.latest - skipped.latest
    spike = series.skipped - _most_skips(skipped, series.total)
    return max(0.0, min(spike, used_to_run - series.ran))


def _most_skips(baseline: Baseline, total: int) -> float:
    _, high = baseline.usual(absolute=max(SKIPS_FEW, SKIPS_SHARE * total))
    return max(high, baseline.latest + max(SKIPS_FEW, SKIPS_SHARE * total))


def _points_lost(rate: float | None, baseline: Baseline | None, facts: BoundaryFacts) -> float:
    """Return the percent points of coverage that are missing beyond what may be lost and what is noise."""
    if rate is None or baseline is None:
        return 0.0
    low, _ = baseline.usual(absolute=facts.coverage_drop / 100)
    return max(0.0, min(low, baseline.latest - facts.coverage_drop / 100) * POINTS - rate)


def gone_tests(facts: BoundaryFacts) -> str:
    """Return which test files were deleted since the newest accepted run; "" when none, or when nobody knows."""
    gone = [f.old_path or f.path for f in facts.files_since or () if f.change == "D" and is_test_path(f.path)]
    more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
    return f"test files were deleted: {', '.join(gone[:3])}{more}" if gone else ""


def may_have_shrunk(record: TestRecord, facts: BoundaryFacts) -> bool:
    """Tell whether there may be fewer tests for an honest reason, so that there is no proof of a lie.

    Test files lost more lines than they won, or a line for each test (many small tests became a few long ones); a file
    went that tests may have been made of (one test a plugin, a document, an example); or what changed is not known.
    """
    if facts.files_since is None or any(file.change == "D" for file in facts.files_since):
        return True
    tests = [file for file in facts.files_since if is_test_path(file.path) or is_test_path(file.old_path or "")]
    added, deleted = (sum(getattr(file, name) or 0 for file in tests) for name in ("additions", "deletions"))
    return added < deleted or _tests_lost(record, facts) <= deleted


def _tests_lost(record: TestRecord, facts: BoundaryFacts) -> float:
    """Return how many tests the series that lost most has lost."""
    totals = [(series.total, facts.baseline(series.metric("total"))) for series in green_series(record)]
    return max((usual.latest - total for total, usual in totals if usual), default=0.0)
