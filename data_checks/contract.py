"""A contract: the named checks that a record must stand at its stage's boundary."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from data_checks.check import Check, Looked, could_not_run, judge
from data_checks.engine import COUNT, EmptySuiteError, Suite, engine
from data_checks.facts import BoundaryFacts, CheckWaiver
from data_checks.frames import Expect, Frame, R
from data_checks.registry import BY_CODE
from sluice.errors import SluiceError
from sluice.records.checks import BoundaryReport
from sluice.states import StageName

__all__ = ["BoundaryFacts", "Check", "CheckWaiver", "Contract", "ContractBrokenError"]

T = TypeVar("T")


class ContractBrokenError(SluiceError):
    """A contract is written wrongly (unknown code, frame, column), or got a record of another stage."""

    code = "CONTRACT_BROKEN"


@dataclass(frozen=True)
class Contract(Generic[R]):
    """All checks of one boundary, in the order in which they are told: the cause before what follows from it.

    Attributes:
        record: class of the record.
        frames: what the checks look at.
        checks: at least one; an empty contract is refused.
        parameters: values of the expectations that depend on record and facts, by name.
    """

    record: type[R]
    frames: tuple[Frame[R], ...]
    checks: tuple[Check[R], ...]
    parameters: Callable[[R, BoundaryFacts], Mapping[str, object]]

    def __post_init__(self) -> None:
        """Refuse an empty contract, an empty suite, and unknown codes, frames and columns."""
        if not self.checks:
            raise EmptySuiteError(f"the contract after {self.stage} has no check")
        for check in self.checks:
            self._refuse_broken(check)
        for frame in self.frames:
            if not self._expectations(frame):
                raise EmptySuiteError(f"suite {self.stage}.{frame.name} has no expectation")

    @property
    def stage(self) -> StageName:
        """The stage whose record is checked."""
        return self.record.STAGE

    def preload(self) -> None:
        """Build this contract's suites, so that the first check is as quick as the next."""
        with engine().lock:
            for frame in self.frames:
                self._suite(frame)

    def check(self, record: R, facts: BoundaryFacts) -> BoundaryReport:
        """Hold a record against the contract; never raises: what cannot be checked is a rejection."""
        return self._judged(self.checks, record, facts)

    def check_again(self, record: R, facts: BoundaryFacts) -> BoundaryReport | None:
        """Judge a record of an earlier run for this one, by the checks whose outcome may have changed; None: by none.

        It stands unless one of them stops it: that it was accepted as a whole is known. It never raises either.
        """
        found, error = _attempt(lambda: [check for check in self.checks if check.again(record, facts)])
        checks = self.checks if error else tuple(found or ())  # what cannot say so is looked at as a whole
        return self._judged(checks, record, facts) if checks else None

    def _judged(self, checks: tuple[Check[R], ...], record: R, facts: BoundaryFacts) -> BoundaryReport:
        started = time.perf_counter()
        frames = {expect.frame for check in checks for expect in check.expectations}
        looked = self._look(record, facts, frames)
        results = []
        for check in checks:
            result, error = _attempt(partial(judge, check, record, facts, looked))
            results.append(result or could_not_run(check, error))
        return BoundaryReport(boundary=self.stage, results=tuple(results), seconds=time.perf_counter() - started)

    def _refuse_broken(self, check: Check[R]) -> None:
        columns = {frame.name: set(frame.columns) for frame in self.frames}
        if not check.expectations:
            raise EmptySuiteError(f"check {check.code} has no expectation")
        if check.code not in BY_CODE or check.lie.boundary is not self.stage:
            raise ContractBrokenError(f"{check.code} is no code of the boundary after {self.stage}")
        for expect in check.expectations:
            if not expect.columns or not set(expect.columns) <= columns.get(expect.frame, set()):
                raise ContractBrokenError(f"{check.code} looks at an unknown column", found=expect)

    def _expectations(self, frame: Frame[R]) -> dict[str, Expect]:
        all_of_them = [(check, expect) for check in self.checks for expect in check.expectations]
        return {check.key(expect): expect for check, expect in all_of_them if expect.frame == frame.name}

    def _suite(self, frame: Frame[R]) -> Suite:
        named = {check.key(expect) for check in self.checks if check.culprit for expect in check.expectations}
        return engine().suite(f"{self.stage}.{frame.name}", self._expectations(frame), named)

    def _look(self, record: R, facts: BoundaryFacts, names: set[str]) -> dict[str, Looked]:
        frames = [frame for frame in self.frames if frame.name in names]
        values, error = _attempt(partial(self._parameters, record, facts))
        if values is None:
            return {frame.name: Looked(error=error) for frame in frames}
        looked = {}
        for frame in frames:
            seen, error = _attempt(partial(self._look_at, frame, record, facts, values))
            looked[frame.name] = seen or Looked(error=error)
        return looked

    def _parameters(self, record: R, facts: BoundaryFacts) -> Mapping[str, object]:
        if not isinstance(record, self.record):
            raise ContractBrokenError(f"the boundary after {self.stage} got a {type(record).__name__}")
        return self.parameters(record, facts)

    def _look_at(self, frame: Frame[R], record: R, facts: BoundaryFacts, values: Mapping[str, object]) -> Looked:
        rows = tuple(frame.rows(record, facts))
        count = frame.count(record, facts)
        if not rows and not count and frame.empty:
            return Looked(empty=frame.empty)
        if not rows:
            return Looked(error=f"{frame.name} has no rows, {count} expected")
        with engine().lock:
            seen = self._suite(frame).validate(rows, count, values)
        if not seen.verdicts[COUNT].passed:
            return Looked(error=seen.verdicts[COUNT].error or f"{frame.name} has {len(rows)} rows, {count} expected")
        return Looked(rows=rows, verdicts=seen.verdicts, gaps=seen.gaps)


def _attempt(work: Callable[[], T]) -> tuple[T | None, str]:
    """Return the work's result, or why there is none: a boundary turns what goes wrong inside it into a rejection."""
    try:
        return work(), ""
    except Exception as error:  # noqa: BLE001 - broad: it becomes COULD_NOT_RUN, which stops the run
        code = error.code if isinstance(error, SluiceError) else type(error).__name__
        return None, f"{code}: {error.message if isinstance(error, SluiceError) else error}"
