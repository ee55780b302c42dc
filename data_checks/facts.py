"""What only the runner knows: the values that a record is held against."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime, Field

from sluice.errors import SluiceError
from sluice.records.checkout import ChangedFile
from sluice.records.common import Frozen
from sluice.records.history import Baseline, History
from sluice.records.testing import ChangedLines


class FactMissingError(SluiceError):
    """A check needs a fact that the runner did not hand over; the check counts as *could not run*."""

    code = "FACT_MISSING"


class CheckWaiver(Frozen):
    """A stop that a project lowers to a warning: why, who answers for it, and until when (that day included)."""

    code: str = Field(pattern=r"^[A-Z]\d{2}$")
    reason: str = Field(min_length=8)
    owner: str = Field(min_length=1)
    expires: date


class BoundaryFacts(Frozen):
    """Facts about the run, from the runner and from accepted records, never from the record that is checked.

    A check that needs a fact which is None cannot run, and so stops the run.
    """

    run_id: str
    now: AwareDatetime
    commit: str | None = Field(default=None, description="the commit that was asked for; later: the accepted source's")
    tree: str | None = Field(default=None, description="tree of the accepted source, which is the tree that was tested")
    committed_at: AwareDatetime | None = Field(default=None, description="when the accepted commit was made")
    skip_reason: str | None = Field(default=None, description="`test.skip` of sluice.yaml")
    coverage_gate: float | None = Field(default=None, description="`test.coverage.fail_under`, percent")
    changed_lines_gate: float | None = Field(default=None, description="`test.coverage.changed_lines`, percent")
    changed_lines: ChangedLines | None = Field(
        default=None, description="coverage of what the change wrote; None: nothing was measured"
    )
    tested_pythons: tuple[str, ...] = Field(default=(), description="interpreters that the accepted tests ran on")
    platforms: tuple[str, ...] | None = Field(default=None, description="where the release must run")
    python: str | None = Field(default=None, description="`build.python`, the minor version that is asked for")
    tag: str | None = Field(default=None, description="tag that the run is about; empty: it is about a branch")
    tag_digests: tuple[str, ...] = Field(default=(), description="releases that earlier accepted runs made of this tag")
    previous_base: str | None = Field(default=None, description="base of the newest accepted build; empty: none yet")
    count_drop: float = Field(default=10.0, ge=0, description="`test.max_drop`, percent of the tests")
    coverage_drop: float = Field(default=5.0, ge=0, description="`test.coverage.max_drop`, percent points")
    files_since: tuple[ChangedFile, ...] | None = Field(
        default=None,
        description="what differs from the branch's newest accepted result of this stage; None: nobody knows",
    )
    previous_commit: str | None = Field(default=None, description="where the branch stood before, as the trigger says")
    overwritten: bool = Field(default=False, description="the previous commit is no ancestor of the new one")
    superseded_by: tuple[str, ...] | None = Field(
        default=None, description="commits of this branch that serve somewhere and already contain this one"
    )
    by_hand: bool = Field(default=False, description="a person asked for the run")
    release_digest: str | None = Field(default=None, description="digest of the accepted build's release")
    lock_packages: int | None = Field(default=None, description="requirements in the accepted build's lock")
    base_findings: dict[str, date] | None = Field(
        default=None, description="findings of the newest passed scan of the default branch, first seen when"
    )
    expired_waivers: tuple[str, ...] = Field(
        default=(), description="findings that `scan.waivers` accepts, and whose last day has passed"
    )
    database_configured: bool = Field(default=False, description="vulnerability data is configured")
    database_max_age_days: float = Field(default=7.0, gt=0)
    replicas: int | None = Field(default=None, description="replicas of the environment's declaration")
    history: History | None = Field(default=None, description="what is usual on the run's branch, read from Postgres")
    waivers: tuple[CheckWaiver, ...] = ()

    @property
    def is_gated(self) -> bool:
        """Tell whether a gate is held against coverage."""
        return self.coverage_gate is not None or self.changed_lines_gate is not None

    def baseline(self, metric: str) -> Baseline | None:
        """Return what is usual for a metric; None when there are too few earlier runs.

        Raises:
            FactMissingError: nobody read the baselines, or they could not be read.
        """
        if self.history is None:
            raise FactMissingError("the boundary was not told the history")
        if self.history.problem:
            raise FactMissingError(self.history.problem)
        found = self.history.baselines.get(metric)
        return found if found is not None and found.is_enough else None

    def samples(self, metric: str) -> int:
        """Return how many earlier runs there are of a metric."""
        found = self.history.baselines.get(metric) if self.history else None
        return found.samples if found else 0

    def need(self, name: str) -> str:
        """Return the fact `name`; FactMissingError when the runner did not hand it over."""
        value = getattr(self, name)
        if value is None:
            raise FactMissingError(f"the boundary was not told the {name.replace('_', ' ')}")
        return str(value)

    def waiver(self, code: str) -> CheckWaiver | None:
        """Return the waiver of check `code`, expired or not."""
        return next((waiver for waiver in self.waivers if waiver.code == code), None)
