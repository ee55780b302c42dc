"""D04 between deploys: what runs in an environment against what was recorded. It only looks."""

from __future__ import annotations

from sluice.records.build import Release
from sluice.records.common import Frozen
from sluice.records.deploy import Replica
from sluice.stages.deploy_site import Log, Site
from sluice.stages.deploy_world import DeployWorld
from sluice.targets.base import ReplicaSet


class Drift(Frozen):
    """What was found; `serving` None: nothing serves there. `problems` show no value."""

    project: str
    environment: str
    serving: Release | None
    recorded: Release | None
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as a person wants to read it."""
        where = f"{self.project} {self.environment}"
        if self.problems:
            return f"{where}: {'; '.join(self.problems)}"
        if self.serving is None:
            return f"{where}: nothing serves, and nothing is recorded to"
        return f"{where}: {self.serving.digest[:19]} ({self.serving.version}) serves as it was deployed"


def look(world: DeployWorld, project: str, environment: str, log: Log) -> Drift:
    """Return how an environment stands; a run that is at work there may show as a difference."""
    site = world.site(project, environment, log)
    serving = site.serving()
    recorded = world.journal.current_release(project, environment)
    return Drift(
        project=project,
        environment=environment,
        serving=serving.release if serving is not None else None,
        recorded=recorded,
        problems=(*differences(site, serving, recorded), *(unwell(site, serving) if serving is not None else ())),
    )


def differences(site: Site, serving: ReplicaSet | None, recorded: Release | None) -> tuple[str, ...]:
    """Return in words what is not as recorded: the release, or its replicas."""
    if serving is None:
        return () if recorded is None else (f"nothing serves, the journal says {recorded.digest[:19]}",)
    found = list(site.target.drift(serving))
    if recorded is not None and recorded.digest != serving.release.digest:
        found.insert(0, f"{serving.release.digest[:19]} serves, the journal says {recorded.digest[:19]}")
    return tuple(found)


def unwell(site: Site, serving: ReplicaSet) -> tuple[str, ...]:
    """Return which replicas do not run the release, are not healthy, or were started again."""
    told = ((each.name, _unwell(each, serving)) for each in site.target.observe(serving))
    return tuple(f"{name} {what}" for name, what in told if what)


def _unwell(replica: Replica, serving: ReplicaSet) -> str:
    if replica.restarts:
        return f"was started again, {replica.restarts} times in five minutes"
    if not replica.healthy:
        return "is not healthy"
    same = replica.release_digest == serving.release.digest
    return "" if same else f"runs {replica.release_digest[:19] or 'nothing'}"
