"""What is usual: the baselines that a record is held against, made of earlier accepted runs."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field

from sluice.records.common import Frozen

ENOUGH = 5  # earlier accepted runs, from which on something may be called usual
ANY_BRANCH = ""  # in place of a branch: the figure is of an environment, whatever was put there
SPREADS = 3.0  # how many spreads from the median are still usual
NORMAL = 1.4826  # makes a median absolute deviation comparable to a standard deviation


class Usual(NamedTuple):
    """The range of what is usual, both ends included."""

    low: float
    high: float


class Baseline(Frozen):
    """What is usual for a metric on a branch: median and median absolute deviation (MAD) of the last accepted runs."""

    metric: str
    branch: str = Field(description="the branch that it was learned on; empty: any, of an environment")
    samples: int = Field(ge=1, description="accepted runs on that branch")
    median: float = Field(allow_inf_nan=False)
    mad: float = Field(ge=0, allow_inf_nan=False)
    lowest: float = Field(allow_inf_nan=False, description="of the last accepted runs")
    highest: float = Field(allow_inf_nan=False, description="of the last accepted runs")
    latest: float = Field(allow_inf_nan=False)
    commit: str | None = Field(default=None, description="commit of the newest run; None when that run was removed")

    @property
    def is_enough(self) -> bool:
        """Tell whether there are enough runs behind it."""
        return self.samples >= ENOUGH

    def usual(self, *, relative: float = 0.0, absolute: float = 0.0, spreads: float = SPREADS) -> Usual:
        """Return median ± the greatest of three: MAD times 1.4826 times `spreads`, median times `relative`, `absolute`.

        The two floors keep figures that never moved (MAD 0) from being called unusual at their first step.
        """
        margin = max(spreads * self.mad * NORMAL, relative * abs(self.median), absolute)
        return Usual(self.median - margin, self.median + margin)


class History(Frozen):
    """The baselines of a run's branch, as Postgres has them.

    Attributes:
        baselines: by name of the metric; a metric that was never measured has none.
        problem: why they could not be read: every check that needs one could not run.
    """

    baselines: dict[str, Baseline] = Field(default_factory=dict)
    problem: str = ""
