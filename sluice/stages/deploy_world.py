"""What deploy and rollback act on: the journal, the target, the proxy, and how a release is unpacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sluice.config.model import Environment
from sluice.records.build import Release
from sluice.records.smoke import SmokeCheck
from sluice.settings import Home, Settings
from sluice.stages.deploy_journal import DeployJournal
from sluice.stages.deploy_proof import prove
from sluice.stages.deploy_site import Kept, Log, Site
from sluice.targets.base import Target
from sluice.targets.process import ProcessTarget
from sluice.tools.caddy import Caddy

LOCK_WAIT_SECONDS = 600.0


class Unpacked(Protocol):
    """A release on disk."""

    @property
    def path(self) -> Path:
        """Folder that its service starts in."""

    @property
    def python(self) -> Path | None:
        """Interpreter of its locked environment; None when it has none."""


@dataclass(frozen=True)
class DeployWorld:
    """Everything outside that a deploy touches.

    Attributes:
        prepare: unpacks a release into the home and makes its environment.
        prove: smoke checks at an address, against how a release was deployed.
        lock_wait_seconds: how long to wait for another run's deploy.
    """

    home: Home
    journal: DeployJournal
    target: Target
    caddy: Caddy
    prepare: Callable[[Release, Home, Log], Unpacked]
    prove: Callable[[str, Kept], tuple[SmokeCheck, ...]] = prove
    lock_wait_seconds: float = LOCK_WAIT_SECONDS

    def site(self, project: str, environment: str, log: Log, declaration: Environment | None = None) -> Site:
        """Return the environment as it stands on this host; a declared port becomes its port."""
        port = self.journal.environment_port(project, environment, declaration.port if declaration else None)
        return Site(self.home, self.target, self.caddy, project, environment, port, log)


def open_world(settings: Settings | None = None) -> DeployWorld:
    """Return the world of the running services.

    Raises:
        InfrastructureError: `SERVICES_DOWN` when they were never started.
    """
    from sluice.database import database
    from sluice.releases import prepare_release
    from sluice.services.addresses import load
    from sluice.store.journal import Journal
    from sluice.tools.supervisor import Supervisor

    settings = settings or Settings()
    addresses = load(settings)
    return DeployWorld(
        home=settings.home,
        journal=Journal(database()),
        target=ProcessTarget(settings.home, Supervisor(addresses.supervisor_socket, settings.home.supervisor)),
        caddy=Caddy(addresses.caddy_admin),
        prepare=prepare_release,
    )
