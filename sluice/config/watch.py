"""How long a release is still judged when it serves."""

from __future__ import annotations

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.units import Duration


class WatchConfig(Declared):
    """How a release is judged after it took over; the old one stands by meanwhile and serves again when it breaks."""

    duration: Duration = Field(default=60.0, description="How long.")
    max_error_rate: float = Field(
        default=0.05, strict=True, ge=0, lt=1, description="Share of answers with status 500 and above, in ten seconds."
    )
    max_p95: Duration = Field(default=2.5, description="95th percentile of the time to answer, in ten seconds.")
    min_requests: int = Field(
        default=20, strict=True, ge=1, description="Fewer requests in ten seconds are no ground for a judgement."
    )
