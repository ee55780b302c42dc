"""When nothing is deployed: freezes of an environment."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from sluice.config.declared import Declared
from sluice.config.texts import Moment


class Freeze(Declared):
    """A time in which nothing is deployed; rollbacks are possible."""

    start: Moment = Field(alias="from", description="Beginning, with its zone, e.g. 2026-12-24T00:00:00+01:00.")
    end: Moment = Field(alias="to", description="End, with its zone.")
    reason: str = Field(min_length=1, description="Why; told to whoever is refused.")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
