"""One environment as it stands: which replicas exist, where the proxy sends requests, what was deployed before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from sluice.config.model import Environment, Service
from sluice.config.smoke import SmokeConfig
from sluice.records.build import Release
from sluice.records.common import Frozen
from sluice.records.deploy import Replica
from sluice.settings import Home
from sluice.targets.base import ReplicaSet, Target
from sluice.targets.files import write_private
from sluice.targets.ports import free_ports
from sluice.tools.caddy import Caddy, Route

Log = Callable[[str], None]


class Kept(Frozen):
    """A release as it was deployed in an environment: enough to start it there again."""

    release: Release
    service: Service
    declaration: Environment
    smoke: SmokeConfig


class Site:
    """The environment `environment` of `project` on this host.

    Two routes lead here: the environment's address, for the users, and the candidate's, for the smoke test of a
    release that does not serve yet.
    """

    def __init__(
        self, home: Home, target: Target, caddy: Caddy, project: str, environment: str, port: int, log: Log
    ) -> None:
        self.target = target
        self.caddy = caddy
        self.project = project
        self.environment = environment
        self.port = port
        self.log = log
        self.folder = home.root / "apps" / project / environment
        self.name = f"{project}.{environment}"

    @property
    def address(self) -> str:
        """URL of the environment for its users."""
        return f"http://127.0.0.1:{self.port}"

    def route(self, service: Service) -> Route:
        """Return the users' route."""
        return Route(self.name, self.port, service.health, service.drain_timeout)

    def candidate_route(self, service: Service) -> Route:
        """Return the candidate's route; its port stays the same as long as the proxy knows it."""
        name = f"{self.name}.candidate"
        port = self.caddy.port(name) or free_ports(1, {self.port})[0]
        return Route(name, port, service.health, service.drain_timeout)

    def sets(self) -> tuple[ReplicaSet, ...]:
        """Return all sets of replicas, oldest first."""
        return self.target.sets(self.project, self.environment)

    def serving(self) -> ReplicaSet | None:
        """Return the set that gets the users' requests; when the proxy lost its routes, the one that got them last."""
        upstreams = set(self.caddy.upstreams(self.name))
        sets = self.sets()
        routed = [each for each in sets if upstreams & set(each.addresses)]
        if routed:
            return routed[-1]
        return next((each for each in sets if each.group == self._last_serving()), None)

    def set_of(self, deployment_id: str) -> ReplicaSet | None:
        """Return the newest set that this deployment started."""
        return next((each for each in reversed(self.sets()) if each.deployment_id == deployment_id), None)

    def send_to(self, replicas: ReplicaSet) -> None:
        """Send the users' requests to `replicas`, and remember it for the day the proxy forgets."""
        self.caddy.point(self.route(replicas.service), replicas.addresses)
        write_private(self.folder / "serving", replicas.group)

    def running_digests(self, seen: Sequence[Replica], *, candidate: bool = False) -> tuple[str, ...]:
        """Return the distinct digests behind the users' route, or the candidate's; `unknown` for what is not ours."""
        by_address = {replica.address: replica.release_digest or "unknown" for replica in seen}
        upstreams = self.caddy.upstreams(f"{self.name}.candidate" if candidate else self.name)
        return tuple(sorted({by_address.get(address, "unknown") for address in upstreams}))

    def withdraw(self, replicas: ReplicaSet) -> None:
        """Take a set that does not serve off the candidate's route and remove it."""
        candidate = f"{self.name}.candidate"
        if set(self.caddy.upstreams(candidate)) & set(replicas.addresses):
            self.caddy.remove(candidate)
        self.target.remove(replicas)

    def keep(self, kept: Kept) -> None:
        """Remember how a release was deployed here."""
        write_private(self._kept(kept.release.digest), kept.model_dump_json(by_alias=True))

    def kept(self, digest: str) -> Kept | None:
        """Return how the release was deployed here last; None when it never was."""
        try:
            return Kept.model_validate_json(self._kept(digest).read_text())
        except (OSError, ValidationError):
            return None

    def all_kept(self) -> tuple[Kept, ...]:
        """Return every release that was deployed here, the newest first."""
        files = sorted((self.folder / "kept").glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        found = [self.kept(f"sha256:{path.stem}") for path in files]
        return tuple(kept for kept in found if kept is not None)

    def _kept(self, digest: str) -> Path:
        return self.folder / "kept" / f"{digest.removeprefix('sha256:')}.json"

    def _last_serving(self) -> str:
        try:
            return (self.folder / "serving").read_text()
        except OSError:
            return ""
