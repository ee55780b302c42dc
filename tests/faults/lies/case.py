"""What a case is, how it is named, and what must become of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from data_checks import contracts
from data_checks.facts import BoundaryFacts
from data_checks.registry import lie as entry_of
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord
from sluice.states import CheckStatus, Severity

Made = tuple[StageRecord, BoundaryFacts]
Make = Callable[..., Made]


class Side(StrEnum):
    """Which of the two a case is."""

    LIE = "lie"
    TWIN = "twin"

    @property
    def promised(self) -> str:
        """What must become of it."""
        return "caught" if self is Side.LIE else "passes"


@dataclass(frozen=True)
class Case:
    """One lie or twin: its docstring's first line says what was done.

    `warns`: a milder form, which only warns; `unasked`: a twin that is so honest that its check has no subject;
    `beside`: what a twin may be warned of by another check, since that is true.
    """

    code: str
    side: Side
    make: Make
    warns: bool = False
    unasked: bool = False
    beside: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What was done, in a few words."""
        return (self.make.__doc__ or "").strip().splitlines()[0].rstrip(".")

    @property
    def name(self) -> str:
        """The case's id in the tests."""
        return f"{self.code}-{self.side}-{self.make.__name__}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The fixtures that it is made of."""
        return tuple(inspect.signature(self.make).parameters)


CASES: list[Case] = []


def lie(code: str, *, warns: bool = False) -> Callable[[Make], Make]:
    """Register a function that tells the lie `code`."""
    return _register(code, Side.LIE, warns=warns or entry_of(code).severity is Severity.WARN)


def twin(code: str, *, unasked: bool = False, beside: tuple[str, ...] = ()) -> Callable[[Make], Make]:
    """Register a function that does the nearest true thing."""
    return _register(code, Side.TWIN, unasked=unasked, beside=beside)


def _register(code: str, side: Side, **more: Any) -> Callable[[Make], Make]:
    entry_of(code)  # KeyError: no such code

    def register(make: Make) -> Make:
        assert make.__doc__, f"{make.__name__} says nothing for the table"
        CASES.append(Case(code, side, make, **more))
        return make

    return register


def told(case: Case, parts: dict[str, Any]) -> str:
    """Make the case and hold it against its contract; return `caught` or `passes`, or what else came of it."""
    record, facts = case.make(**parts)
    stage = entry_of(case.code).boundary
    if record.STAGE is not stage:
        return f"made a record of {record.STAGE}, not of {stage}"
    report: BoundaryReport = contracts()[stage].check(record, facts)
    return _of_lie(case, report) if case.side is Side.LIE else _of_twin(case, report)


def _of_lie(case: Case, report: BoundaryReport) -> str:
    """A lie is stopped first by its own code, or shown by it where it only warns, in whole words."""
    found = report.warnings if case.warns else report.stops[:1]
    mine = [each for each in found if each.code == case.code and each.status is CheckStatus.FAILED]
    if not mine or (case.warns and report.stops):
        return f"missed: {[(each.code, each.message) for each in (*report.stops, *report.warnings)]}"
    first = mine[0]
    whole = first.expected and first.observed and first.next_step
    return "caught" if whole and f"Expected {first.expected}; observed {first.observed}." in first.message else "mute"


def _of_twin(case: Case, report: BoundaryReport) -> str:
    """A twin is accepted without a warning, and its own check was really looked at, unless it has no subject."""
    (mine,) = [each for each in report.results if each.code == case.code]
    bad = [each for each in (*report.stops, *report.warnings) if each.stops or each.code not in case.beside]
    if bad:
        return f"stopped or warned: {[(each.code, each.message) for each in bad]}"
    wanted = CheckStatus.NOT_APPLICABLE if case.unasked else CheckStatus.PASSED
    return "passes" if mine.status is wanted else f"{mine.status}: {mine.message}"
