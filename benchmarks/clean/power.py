"""The other side: lies of growing size, told of a copy of each history's newest honest records.

A bound that never stops an honest run because it never stops is worth nothing, so what each check sees is measured too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.clean.history import History
from benchmarks.clean.tally import Passage
from data_checks import contracts
from sluice.records.smoke import SmokeRecord
from sluice.states import CheckStatus, StageName

STOPPED, WARNED, MISSED, THIN = "stop", "warn", "-", "no history"


@dataclass(frozen=True)
class Growing:
    """A lie that can be told in several sizes: of which stage, how the record then looks, and what should see it."""

    name: str
    code: str
    stage: StageName
    sizes: tuple[float, ...]
    tell: Callable[[Any, float], Any]
    unit: str = "%"


def fewer_tests(record: Any, percent: float) -> Any:
    """A filter hides tests of every execution."""
    return _each(record, lambda each: _of(each, total=each.total - int(each.total * percent / 100)))


def more_skips(record: Any, percent: float) -> Any:
    """A service is away: tests that used to run skip themselves."""
    return _each(
        record, lambda each: _of(each, skipped=min(each.total, each.skipped + int(each.total * percent / 100)))
    )


def less_coverage(record: Any, points: float) -> Any:
    """Tests ran against nothing: lines are no longer covered."""

    def less(each: Any) -> Any:
        if each.coverage is None:
            return each
        covered = each.coverage.lines_covered - int(each.coverage.lines_valid * points / 100)
        return each.model_copy(update={"coverage": each.coverage.model_copy(update={"lines_covered": max(0, covered)})})

    return _each(record, less)


def another_size(record: Any, percent: float) -> Any:
    """The build packs too much, or too little."""
    return record.model_copy(update={"size": int(record.size * (1 + percent / 100))})


def fewer_files(record: Any, percent: float) -> Any:
    """The build no longer packs some of the files."""
    left = record.inspected_files - int(record.inspected_files * percent / 100)
    return record.model_copy(update={"inspected_files": left})


def fewer_packages(record: Any, percent: float) -> Any:
    """The scanner no longer reads some of the lock files."""
    left = len(record.packages) - int(len(record.packages) * percent / 100)
    return record.model_copy(update={"packages": record.packages[:left]})


def slower(record: SmokeRecord, percent: float) -> Any:
    """The release is slower, and the machine is quiet."""
    assert record.load is not None
    assert record.load.p95_seconds is not None
    p95 = record.load.p95_seconds / record.load.slowdown * (1 + percent / 100)
    return record.model_copy(update={"load": record.load.model_copy(update={"p95_seconds": p95, "slowdown": 1.0})})


def more_errors(record: SmokeRecord, percent: float) -> Any:
    """The release answers with errors, below the threshold."""
    assert record.load is not None
    failed = record.load.failed + int(record.load.requests * percent / 100)
    return record.model_copy(update={"load": record.load.model_copy(update={"failed": failed})})


def _each(record: Any, change: Callable[[Any], Any]) -> Any:
    return record.model_copy(update={"executions": tuple(change(each) for each in record.executions)})


def _of(execution: Any, total: int | None = None, skipped: int | None = None) -> Any:
    """Return a green execution of so many tests, whose report counts what it holds."""
    total = execution.total if total is None else total
    skipped = min(execution.skipped if skipped is None else skipped, total)
    counted = {"total": total, "passed": total - skipped - execution.xfailed, "skipped": skipped}
    # What is hidden from the runner is not collected either: the shards look whole.
    told = {"declared_total": total, "declared_skipped": skipped, "collected": None, "cases": None}
    return execution.model_copy(update={**counted, **told})


LIES = (
    Growing("tests hidden", "T02", StageName.TEST, (5, 10, 15, 20, 50), fewer_tests),
    Growing("tests skipped", "T10", StageName.TEST, (5, 10, 15, 20, 50), more_skips),
    Growing("coverage lost", "T13", StageName.TEST, (2, 4, 6, 10, 20), less_coverage, "points"),
    Growing("release grown", "B05", StageName.BUILD, (50, 100, 200, 400, 900), another_size),
    Growing("release shrunk", "B05", StageName.BUILD, (-20, -40, -60, -80, -95), another_size),
    Growing("files left out", "B05", StageName.BUILD, (10, 20, 30, 50, 90), fewer_files),
    Growing("packages unseen", "S03", StageName.SCAN, (10, 20, 30, 50, 100), fewer_packages),
    Growing("slower answers", "K04", StageName.SMOKE, (50, 100, 200, 400, 900), slower),
    Growing("failed requests", "K04", StageName.SMOKE, (0.5, 1, 2, 5, 10), more_errors),
)


def told(history: History) -> dict[str, list[str]]:
    """Return what becomes of each lie in each size, told of the newest accepted record of the default branch."""
    found = {}
    for lie in LIES:
        passage = history.passages.get(lie.stage)
        if passage is not None:
            found[lie.name] = [_become(history, lie, passage, size) for size in lie.sizes]
    return found


def _become(history: History, lie: Growing, passage: Passage, size: float) -> str:
    """Hold the lie against the history as it is now; nothing was committed since but a line of code."""
    facts = passage.facts.model_copy(update={"history": history.history(), "files_since": ()})
    report = contracts()[lie.stage].check(lie.tell(passage.record, size), facts)
    (mine,) = [each for each in report.results if each.code == lie.code]
    if mine.status is CheckStatus.FAILED:
        return STOPPED if mine.stops else WARNED
    return THIN if mine.status is CheckStatus.NOT_ENOUGH_HISTORY else MISSED
