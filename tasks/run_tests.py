"""The test stage as a Prefect task; the work is in sluice/stages/testing."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State

from sluice.records.common import StageContext
from sluice.records.testing import TestRecord, TestRequest
from sluice.stages import testing as stage
from sluice.stages.workplace import open_workplace
from tasks.reuse import reuse
from tasks.verdict import RETRY_DELAYS, RETRY_JITTER, TRANSIENT_RETRIES, is_transient, verdict


@task(
    name="test",
    cache_key_fn=reuse(lambda request, _context: stage.inputs(request)),
    persist_result=True,
    result_serializer="json",
    retries=TRANSIENT_RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_jitter_factor=RETRY_JITTER,
    retry_condition_fn=is_transient,
)
def run_tests(request: TestRequest, context: StageContext) -> TestRecord | State[Any]:
    """Run one cell of the test matrix with the project's own runner."""
    with open_workplace(context) as place:
        return verdict(lambda: stage.run_tests(request, place))
