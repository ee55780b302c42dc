"""One run's turn at an environment: its lock, held across deploy, smoke test and rollback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sluice.config.model import Environment
from sluice.errors import SluiceError
from sluice.records.build import Release
from sluice.stages.deploy_journal import Lease
from sluice.stages.deploy_site import Kept, Site
from sluice.stages.deploy_steps import Steps
from sluice.stages.deploy_world import DeployWorld

_guard = threading.Lock()
_held: dict[tuple[str, str, str, str], Lease] = {}


@dataclass(frozen=True)
class Turn:
    """The right to change one environment, and everything that is needed for it."""

    world: DeployWorld
    site: Site
    lease: Lease
    run_id: str

    def begin(self, kept: Kept, previous: Release | None) -> str:
        """Open a deployment in the journal and return its id."""
        site = self.site
        return self.world.journal.begin_deployment(
            self.lease, self.run_id, site.project, site.environment, kept.release, previous, kept.declaration.target
        )

    def steps(self, deployment_id: str, first: int = 1) -> Steps:
        """Return the journaled steps of a deployment, counted from `first`."""
        return Steps(lambda step: self.world.journal.step(self.lease, deployment_id, step), self.site.log, first)

    def end(self, deployment_id: str, state: str, detail: str = "") -> None:
        """Close a deployment: `serving`, `failed`, `interrupted`."""
        self.world.journal.finish_deployment(self.lease, deployment_id, state, detail)

    def end_quietly(self, deployment_id: str, state: str, detail: str) -> None:
        """Close a deployment while another error is on its way; a journal that is down leaves it to be settled."""
        try:
            self.end(deployment_id, state, detail)
        except SluiceError as error:
            self.site.log(f"{state}, and not journaled: {error}")

    def took_over(self, move_id: str) -> bool:
        """Tell whether the replicas that this deployment or rollback started get the users' requests."""
        try:
            serving = self.site.serving()
        except SluiceError:  # the proxy is down: settling finds out
            return False
        return serving is not None and serving.deployment_id == move_id

    def begin_rollback(self, bad: Release | None, to: Release | None, reason: str, target: str) -> str:
        """Open a rollback in the journal and return its id."""
        site = self.site
        return self.world.journal.begin_rollback(
            self.lease, self.run_id, site.project, site.environment, bad, to, reason, target
        )

    def rollback_steps(self, rollback_id: str) -> Steps:
        """Return the journaled steps of a rollback."""
        return Steps(lambda step: self.world.journal.rollback_step(self.lease, rollback_id, step), self.site.log)

    def end_rollback(
        self, rollback_id: str, state: str, detail: str, *, validated: bool = False, seconds: float | None = None
    ) -> None:
        """Close a rollback: `serving`, `failed`, `interrupted`."""
        self.world.journal.finish_rollback(self.lease, rollback_id, state, detail, validated, seconds)

    def end_rollback_quietly(self, rollback_id: str, detail: str) -> None:
        """Close a failed rollback while another error is on its way."""
        try:
            self.end_rollback(rollback_id, "failed", detail)
        except SluiceError as error:
            self.site.log(f"failed, and not journaled: {error}")

    def fence(self, release: Release, reason: str) -> None:
        """Forbid `release` in this environment from now on."""
        site = self.site
        self.world.journal.fence(self.lease, site.project, site.environment, release, reason)


@contextmanager
def turn(
    world: DeployWorld,
    project: str,
    environment: str,
    run_id: str,
    log: Callable[[str], None],
    declaration: Environment | None = None,
    purpose: str = "settle",
) -> Iterator[Turn]:
    """Wait for the environment's lock and hold it; the same run of the same process may take it again inside.

    The log is told whom it waits for. A `purpose` that begins with `deploy` gives way to deploys of newer runs.

    Raises:
        SupersededError: a newer run deploys here.
        DeployRefusedError: another run kept it for longer than `world.lock_wait_seconds`; the message names it.
    """
    key = (str(world.home.root), project, environment, run_id)
    site = world.site(project, environment, log, declaration)
    with _guard:
        lease = _held.get(key)
    if lease is not None:
        yield Turn(world, site, lease, run_id)
        return
    yields = purpose.startswith("deploy")
    with world.journal.lock(
        project, environment, run_id, purpose, world.lock_wait_seconds, lambda holder: log(f"wait for {holder}"), yields
    ) as lease:
        with _guard:
            _held[key] = lease
        try:
            yield Turn(world, site, lease, run_id)
        finally:
            with _guard:
                del _held[key]
