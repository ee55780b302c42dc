"""The build stage as a Prefect task; the work is in sluice/stages/build."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from sluice.records.build import BuildRecord, BuildRequest
from sluice.records.common import StageContext
from sluice.stages import build as stage
from sluice.stages.workplace import open_workplace
from tasks.reuse import reuse
from tasks.verdict import RETRY_DELAYS, RETRY_JITTER, TRANSIENT_RETRIES, is_transient, verdict


@task(
    name="build",
    cache_key_fn=reuse(stage.inputs),
    persist_result=True,
    result_serializer="json",
    retries=TRANSIENT_RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_jitter_factor=RETRY_JITTER,
    retry_condition_fn=is_transient,
)
def build(request: BuildRequest, context: StageContext) -> BuildRecord | State[Any]:
    """Make the release, named by its digest."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.build(request, place))
