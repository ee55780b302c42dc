"""How a release that takes over in steps is compared with the one before it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from sluice.config.declared import Declared
from sluice.config.units import Duration

Weight = Annotated[int, Field(strict=True, ge=1, le=99)]


class CanaryConfig(Declared):
    """The steps of a canary: a share of the users' requests each, and when the new release is worse than the old."""

    weights: tuple[Weight, ...] = Field(
        default=(5, 25, 50), min_length=1, description="Percent of the requests that each step sends to the new one."
    )
    hold: Duration = Field(default=60.0, description="How long each step is held before it is judged.")
    patience: Duration = Field(
        default=600.0, description="How long a step with too few requests is held on, before the new one is withdrawn."
    )
    min_requests: int = Field(
        default=100, strict=True, ge=20, description="Fewer requests of either release are no ground for a judgement."
    )
    significance: float = Field(
        default=0.001, strict=True, gt=0, le=0.05, description="A difference that chance makes more often is none."
    )
    max_error_increase: float = Field(
        default=0.01, strict=True, ge=0, lt=1, description="Share of failed answers that the new one may have more."
    )
    max_p95_increase: Duration = Field(
        default=0.05, description="Time by which the new one's 95th percentile may be later, …"
    )
    max_p95_ratio: float = Field(
        default=1.5, strict=True, ge=1, le=100, description="… and how many times as late: it is worse beyond both."
    )

    @field_validator("weights")
    @classmethod
    def _rise(cls, weights: tuple[int, ...]) -> tuple[int, ...]:
        if list(weights) != sorted(set(weights)):
            raise ValueError("percents that rise from step to step, e.g. [5, 25, 50]")
        return weights
