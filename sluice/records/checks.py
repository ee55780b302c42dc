"""What a boundary says: one result a check."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from sluice.records.common import Frozen
from sluice.states import CheckStatus, Severity, StageName, WaiverEffect


class AppliedWaiver(Frozen):
    """The waiver of a check, and what it did to the result (one row of `check_waivers`)."""

    reason: str
    owner: str
    expires: date
    effect: WaiverEffect


class CheckResult(Frozen):
    """The result of one contract check (one row of `quality_checks`)."""

    code: str = Field(pattern=r"^[A-Z]\d{2}$")
    name: str = Field(description="COMMIT_MISMATCH …")
    severity: Severity
    status: CheckStatus
    expectation: str = Field(description="Great Expectations type, e.g. expect_column_values_to_be_between")
    expected: str
    observed: str
    message: str = ""
    next_step: str = ""
    waiver: AppliedWaiver | None = Field(default=None, description="the project's waiver of this check")

    @property
    def stops(self) -> bool:
        """Tell whether this result stops the run."""
        if self.status is CheckStatus.COULD_NOT_RUN:
            return True
        return self.status is CheckStatus.FAILED and self.severity is Severity.STOP

    @property
    def evaluated(self) -> bool:
        """Tell whether the check really looked at something."""
        return self.status in (CheckStatus.PASSED, CheckStatus.FAILED)


class BoundaryReport(Frozen):
    """All check results of one boundary; a report in which nothing was evaluated is a rejection, never a pass."""

    boundary: StageName
    results: tuple[CheckResult, ...]
    seconds: float = Field(ge=0)

    @property
    def accepted(self) -> bool:
        """Tell whether the record may be believed."""
        return any(result.evaluated for result in self.results) and not self.stops

    @property
    def stops(self) -> tuple[CheckResult, ...]:
        """Return the results that stop the run, in the order of the contract: the cause before what follows from it."""
        return tuple(result for result in self.results if result.stops)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """Return the failed results that are shown and do not stop the run."""
        return tuple(r for r in self.results if r.status is CheckStatus.FAILED and not r.stops)
