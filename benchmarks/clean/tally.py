"""What is remembered of a history: what the boundaries said, and what may be said again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.clean.records_served import ServedRecords
from data_checks.facts import BoundaryFacts
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord


class Stopped(Exception):  # noqa: N818 - a word of the flow, no mistake
    """A boundary stopped the run."""


@dataclass(frozen=True)
class Seen:
    """A stop or a warning: of which run, and what had been done in its commit."""

    code: str
    where: str
    done: str
    message: str


@dataclass
class Tally:
    """What the boundaries said of a history."""

    runs: int = 0
    red: int = 0
    bad: int = 0  # releases that were withdrawn, as they had to be
    boundaries: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    stops: list[Seen] = field(default_factory=list)
    warns: list[Seen] = field(default_factory=list)

    def count(self, report: BoundaryReport, seen: Callable[[str, str], Seen]) -> None:
        """Count what a boundary said; `seen` makes a stop or a warning of its code and message."""
        self.boundaries[report.boundary] += 1
        self.statuses.update(result.status.value for result in report.results)
        self.stops += [seen(result.code, result.message) for result in report.stops]
        self.warns += [seen(result.code, result.message) for result in report.warnings]

    def add(self, other: Tally) -> None:
        """Count another one's too."""
        self.runs, self.red, self.bad = self.runs + other.runs, self.red + other.red, self.bad + other.bad
        self.boundaries += other.boundaries
        self.statuses += other.statuses
        self.stops += other.stops
        self.warns += other.warns


@dataclass(frozen=True)
class Passage:
    """A record on its way, and what the runner knows beside it: a lie is told of a copy of these."""

    record: Any
    facts: BoundaryFacts


@dataclass(frozen=True)
class Green:
    """A commit of the default branch that was found good, and the records that may be reused."""

    records: ServedRecords
    accepted: tuple[StageRecord, ...]
