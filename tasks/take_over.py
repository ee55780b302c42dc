"""The last step of a deploy, once its smoke test was accepted: the candidate gets the users' requests."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from sluice.records.common import StageContext
from sluice.records.deploy import CanaryStep, DeployRecord
from sluice.stages import deploy as stage
from sluice.stages.workplace import open_workplace
from tasks.aside import aside
from tasks.display import canary
from tasks.verdict import verdict


@task(name="take over", cache_policy=NO_CACHE, retries=0)
def take_over(record: DeployRecord, context: StageContext) -> DeployRecord | State[Any]:
    """Switch the proxy to the new release, drain the old one, remove it; return what serves now."""
    with open_workplace(context) as place:
        world = stage.open_world()
        ended = verdict(lambda: stage.finish(record, place, world))
    show(record, world.journal.canary_steps(record.deployment_id))
    return ended


def show(record: DeployRecord, steps: tuple[CanaryStep, ...]) -> None:
    """Leave the steps of a canary in the Prefect UI, whatever way it ended."""
    if steps:
        text = canary(record, steps)
        description = f"{record.environment} ← {record.release.digest[:19]}: {steps[-1].verdict}"
        aside(lambda: create_markdown_artifact(text, key="sluice-canary", description=description))
