"""The rollback stage as a Prefect task; the work is in sluice/stages/rollback."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from sluice.records.common import StageContext
from sluice.records.deploy import RollbackRecord, RollbackRequest
from sluice.stages import rollback as stage
from sluice.stages.workplace import open_workplace
from tasks.verdict import verdict


@task(name="rollback", cache_policy=NO_CACHE, retries=0)
def rollback(request: RollbackRequest, context: StageContext) -> RollbackRecord | State[Any]:
    """Go back to the last release that was good here, prove that it answers, fence the bad one."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.rollback(request, place, stage.open_world()))
