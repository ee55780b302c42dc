"""The smoke stage as a Prefect task; the work is in sluice/stages/smoke."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from sluice.records.common import StageContext
from sluice.records.smoke import SmokeRecord, SmokeRequest
from sluice.stages import smoke as stage
from sluice.stages.workplace import open_workplace
from tasks.verdict import verdict


@task(name="smoke", cache_policy=NO_CACHE, retries=0)
def smoke(request: SmokeRequest, context: StageContext) -> SmokeRecord | State[Any]:
    """Ask the environment whether the new release answers, and answers well."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.smoke(request, place))
