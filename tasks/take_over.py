"""The last step of a deploy, once its smoke test was accepted: the candidate gets the users' requests."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from sluice.records.common import StageContext
from sluice.records.deploy import DeployRecord
from sluice.stages import deploy as stage
from sluice.stages.workplace import open_workplace
from tasks.verdict import verdict


@task(name="take over", cache_policy=NO_CACHE, retries=0)
def take_over(record: DeployRecord, context: StageContext) -> DeployRecord | State[Any]:
    """Switch the proxy to the new release, drain the old one, remove it; return what serves now."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.finish(record, place, stage.open_world()))
