"""The checkout stage as a Prefect task; the work is in sluice/stages/checkout."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from sluice.records.checkout import CheckoutRecord, CheckoutRequest
from sluice.records.common import StageContext
from sluice.stages import checkout as stage
from sluice.stages.workplace import open_workplace
from tasks.reuse import reuse
from tasks.verdict import RETRY_DELAYS, RETRY_JITTER, TRANSIENT_RETRIES, is_transient, verdict


@task(
    name="checkout",
    cache_key_fn=reuse(stage.inputs),
    persist_result=True,
    result_serializer="json",
    retries=TRANSIENT_RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_jitter_factor=RETRY_JITTER,
    retry_condition_fn=is_transient,
)
def checkout(request: CheckoutRequest, context: StageContext) -> CheckoutRecord | State[Any]:
    """Check out the accepted commit into a clean workspace and say what it holds."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.checkout(request, place))
