"""Drift, on a schedule: what runs in each environment against what was recorded (D04)."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.run import end_flow
from sluice.errors import ContractRejectedError
from sluice.services.drift import look_at_all


@flow(name="drift")
def drift(environment: str | None = None) -> State[Any] | None:
    """Look at one environment, or at all; fail with what is not as it was deployed. Nothing is changed."""
    return end_flow(lambda: look(environment))


def look(environment: str | None) -> None:
    """Look at environments, tell each, and raise when one has drifted."""
    found = look_at_all(environment)
    for each in found:
        get_run_logger().info(str(each))
    drifted = [each for each in found if each.problems]
    if drifted:
        raise ContractRejectedError(
            "; ".join(map(str, drifted)),
            code="CONFIG_DRIFT",
            next_step="`sluice settle ENVIRONMENT` puts back what was deployed.",
        )
