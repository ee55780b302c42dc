"""The deploy stage as a Prefect task; the work is in sluice/stages/deploy."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from sluice.records.common import StageContext
from sluice.records.deploy import DeployRecord, DeployRequest
from sluice.stages import deploy as stage
from sluice.stages.workplace import open_workplace
from tasks.verdict import verdict


@task(name="deploy", cache_policy=NO_CACHE, retries=0)
def deploy(request: DeployRequest, context: StageContext) -> DeployRecord | State[Any]:
    """Create aside, health-check, switch, drain, verify; every step is in the journal before it is done."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.deploy(request, place, stage.open_world()))
