"""Which environments drift is looked for in, and the look, with what `sluice up` started."""

from __future__ import annotations

from sluice.settings import Settings
from sluice.stages.deploy_drift import Drift, look
from sluice.stages.deploy_world import DeployWorld, open_world


def environments(name: str | None = None, project: str | None = None) -> tuple[tuple[str, str], ...]:
    """Return project and name of each environment that something was ever deployed to, or of those so named."""
    from sluice.database import database
    from sluice.store.read import Reader

    views = Reader(database()).environments(project)
    return tuple((view.project, view.environment) for view in views if name in (None, view.environment))


def look_at_all(name: str | None = None, project: str | None = None) -> tuple[Drift, ...]:
    """Look at each environment; nothing is changed."""
    world: DeployWorld = open_world(Settings())
    return tuple(look(world, owner, each, lambda _line: None) for owner, each in environments(name, project))
