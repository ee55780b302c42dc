"""Rollback by hand: put an environment back to a release that was good there."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.run import Run, end_flow, open_run
from flows.stage import ROLLBACK
from sluice.config.model import Config
from sluice.database import database
from sluice.errors import UsageError
from sluice.records.deploy import RollbackRequest
from sluice.records.request import RollbackOrder
from sluice.stages.deploy import hold, open_world
from sluice.store.declarations import last_declared


@flow(name="rollback")
def rollback(order: RollbackOrder) -> State[Any] | None:
    """Choose the release, start it aside, switch, prove it, fence the one that was bad."""
    return end_flow(lambda: go_back(order))


def go_back(order: RollbackOrder) -> None:
    """Run the rollback stage as a run of its own."""
    with open_run(Run.of_rollback(order)) as run:
        world = open_world()
        config = declared(order)
        run.waive(config)
        declaration = config.environments[order.environment]
        request = RollbackRequest(
            environment=order.environment,
            declaration=declaration,
            service=config.service,
            smoke=config.smoke_of(order.environment),
            bad=None,
            to_digest=order.to_digest,
            restore_backup=order.restore_backup,
            registry_login=config.registry_login,
            reason=order.reason,
            requested_by=order.requested_by,
        )
        with hold(world, run.project, order.environment, run.id, run.log):
            run.through(ROLLBACK, request)


def declared(order: RollbackOrder) -> Config:
    """Return the newest configuration that declares the environment.

    Raises:
        UsageError: `ENVIRONMENT_UNKNOWN`: no run of this project ever declared it.
    """
    found = last_declared(database(), order.project, order.environment)
    if found is None:
        raise UsageError(
            f"project {order.project} has no environment {order.environment}",
            code="ENVIRONMENT_UNKNOWN",
            next_step="`sluice runs` lists projects; an environment is known once a run has read its sluice.yaml.",
        )
    return Config.model_validate(found, by_name=True)
