"""What a case is, how it is named, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from data_checks import contracts
from data_checks.facts import BoundaryFacts
from data_checks.registry import lie as entry_of
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord
from sluice.states import CheckStatus, Severity
from tests.faults.lies.world import World

Made = tuple[StageRecord, BoundaryFacts]


class Side(StrEnum):
    """Which of the two a case is."""

    LIE = "lie"
    TWIN = "twin"


@dataclass(frozen=True)
class Case:
    """One lie or twin: its docstring's first line says what was done. `warns`: a milder form, which only warns."""

    code: str
    side: Side
    make: Callable[[World], Made]
    warns: bool = False

    @property
    def words(self) -> str:
        """What was done, in a few words."""
        return (self.make.__doc__ or "").strip().splitlines()[0].rstrip(".")

    @property
    def name(self) -> str:
        """The case's id in the tests."""
        return f"{self.code}-{self.side}-{self.make.__name__}"


CASES: list[Case] = []


def lie(code: str, *, warns: bool = False) -> Callable[[Callable[[World], Made]], Callable[[World], Made]]:
    """Register a function that tells the lie `code`."""
    return _register(code, Side.LIE, warns=warns or entry_of(code).severity is Severity.WARN)


def twin(code: str) -> Callable[[Callable[[World], Made]], Callable[[World], Made]]:
    """Register a function that does the nearest true thing."""
    return _register(code, Side.TWIN)


def _register(
    code: str, side: Side, *, warns: bool = False
) -> Callable[[Callable[[World], Made]], Callable[[World], Made]]:
    entry_of(code)  # KeyError: no such code

    def register(make: Callable[[World], Made]) -> Callable[[World], Made]:
        CASES.append(Case(code, side, make, warns))
        return make

    return register


def told(case: Case, world: World) -> str:
    """Make the case and hold it against its contract; return `caught` or `passes`, or what else came of it."""
    record, facts = case.make(world)
    stage = entry_of(case.code).boundary
    if record.STAGE is not stage:
        return f"made a record of {record.STAGE}, not of {stage}"
    report: BoundaryReport = contracts()[stage].check(record, facts)
    return _of_lie(case, report) if case.side is Side.LIE else _of_twin(case.code, report)


def _of_lie(case: Case, report: BoundaryReport) -> str:
    """A lie is stopped first by its own code, or shown by it where it only warns, in whole words."""
    found = report.warnings if case.warns else report.stops[:1]
    mine = [each for each in found if each.code == case.code and each.status is CheckStatus.FAILED]
    if not mine or (case.warns and report.stops):
        return f"missed: {[(each.code, each.message) for each in (*report.stops, *report.warnings)]}"
    first = mine[0]
    whole = first.expected and first.observed and first.next_step
    return "caught" if whole and f"Expected {first.expected}; observed {first.observed}." in first.message else "mute"


def _of_twin(code: str, report: BoundaryReport) -> str:
    """A twin is accepted, and its own check was really looked at and holds."""
    (mine,) = [each for each in report.results if each.code == code]
    if not report.accepted:
        return f"stopped: {[(each.code, each.message) for each in report.stops]}"
    return "passes" if mine.status is CheckStatus.PASSED else f"{mine.status}: {mine.message}"
