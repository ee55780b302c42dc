"""The scan stage as a Prefect task; the work is in sluice/stages/scan."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from sluice.records.common import StageContext
from sluice.records.scan import ScanRecord, ScanRequest
from sluice.stages import scan as stage
from sluice.stages.workplace import open_workplace
from tasks.reuse import reuse
from tasks.verdict import RETRY_DELAYS, RETRY_JITTER, TRANSIENT_RETRIES, is_transient, verdict


@task(
    name="scan",
    cache_key_fn=reuse(stage.inputs),
    persist_result=True,
    result_serializer="json",
    retries=TRANSIENT_RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_jitter_factor=RETRY_JITTER,
    retry_condition_fn=is_transient,
)
def scan(request: ScanRequest, context: StageContext) -> ScanRecord | State[Any]:
    """Scan the source and the release with every scanner."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.scan(request, place))
