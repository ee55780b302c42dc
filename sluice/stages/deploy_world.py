"""What deploy and rollback act on: the journal, the target, the proxy, and how a release is unpacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sluice.config.model import Environment
from sluice.records.smoke import SmokeCheck
from sluice.settings import Home, Settings, current_settings
from sluice.stages.deploy_journal import DeployJournal
from sluice.stages.deploy_proof import prove
from sluice.stages.deploy_site import Kept, Log, Site
from sluice.targets.base import Target
from sluice.targets.chosen import Targets
from sluice.targets.process import ProcessTarget
from sluice.tools.caddy import Caddy

LOCK_WAIT_SECONDS = 600.0


@dataclass(frozen=True)
class DeployWorld:
    """Everything outside that a deploy touches.

    Attributes:
        prove: smoke checks at an address, against how a release was deployed.
        lock_wait_seconds: how long to wait for another run's deploy.
    """

    home: Home
    journal: DeployJournal
    target: Target
    caddy: Caddy
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

    settings = settings or current_settings()
    addresses = load(settings)
    supervisor = Supervisor(addresses.supervisor_socket, settings.home.supervisor)
    return DeployWorld(
        home=settings.home,
        journal=Journal(database()),
        target=Targets(settings.home, ProcessTarget(settings.home, supervisor, prepare_release)),
        caddy=Caddy(addresses.caddy_admin),
    )
