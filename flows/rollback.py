"""Rollback by hand: put an environment back to a release that was good there."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.run import Run, end_flow, open_run
from flows.stage import ROLLBACK
from sluice.records.deploy import RollbackRequest
from sluice.records.request import RollbackOrder
from sluice.stages.deploy import hold, open_world


@flow(name="rollback")
def rollback(order: RollbackOrder) -> State[Any] | None:
    """Choose the release, start it aside, switch, prove it, fence the one that was bad."""
    return end_flow(lambda: go_back(order))


def go_back(order: RollbackOrder) -> None:
    """Run the rollback stage as a run of its own."""
    with open_run(Run.of_rollback(order)) as run:
        world = open_world()
        declared = run.declared(order.environment)
        request = RollbackRequest(
            environment=order.environment,
            declaration=declared.declaration,
            service=declared.service,
            smoke=declared.smoke,
            bad=None,
            to_digest=order.to_digest,
            reason=order.reason,
            requested_by=order.requested_by,
        )
        with hold(world, run.project, order.environment, run.id, run.log):
            run.through(ROLLBACK, request, replicas=declared.declaration.replicas)
