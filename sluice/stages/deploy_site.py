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
from sluice.tools.caddy import Caddy
from sluice.tools.caddy_metrics import Traffic
from sluice.tools.caddy_route import SHORT_TRY_SECONDS, Route

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

    @property
    def route(self) -> Route:
        """The users' route."""
        return Route(self.name, self.port, self.folder / "route")

    @property
    def candidate_route(self) -> Route:
        """The candidate's route; its port stays the same as long as the proxy knows it."""
        name = f"{self.name}.candidate"
        port = self.caddy.port(name) or free_ports(1, {self.port})[0]
        return Route(name, port, self.folder / "candidate", SHORT_TRY_SECONDS)

    def sets(self) -> tuple[ReplicaSet, ...]:
        """Return all sets of replicas, oldest first."""
        return self.target.sets(self.project, self.environment)

    def serving(self) -> ReplicaSet | None:
        """Return the set that gets the users' requests."""
        upstreams = set(self.route.upstreams())
        return next((each for each in reversed(self.sets()) if upstreams & set(each.addresses)), None)

    def set_of(self, deployment_id: str) -> ReplicaSet | None:
        """Return the newest set that this deployment started."""
        return next((each for each in reversed(self.sets()) if each.deployment_id == deployment_id), None)

    def send_to(self, replicas: ReplicaSet, standby: ReplicaSet | None = None) -> None:
        """Send the users' requests to `replicas`; `standby` answers those that they fail and that may be sent twice."""
        self.route.point(replicas.addresses, standby=standby.addresses if standby is not None else ())
        self.caddy.ensure([self.route])

    def split(self, old: ReplicaSet, new: ReplicaSet, percent: int) -> None:
        """Send `percent` of the users' requests to `new`, the others to `old`, and those that `new` fails."""
        self.caddy.ensure([self.route])
        self.route.point(old.addresses, new.addresses, percent)

    def show(self, replicas: ReplicaSet) -> Route:
        """Send the requests of the candidate's route to `replicas`, and return the route."""
        candidate = self.candidate_route
        candidate.point(replicas.addresses)
        self.caddy.ensure([self.route, candidate])
        return candidate

    def running_digests(self, seen: Sequence[Replica], route: Route, path: str) -> tuple[str, ...]:
        """Return the distinct digests that answer on `route`, `unknown` for whatever is none of the replicas seen."""
        if not route.upstreams():
            return ()
        by_address = {replica.address: replica.release_digest or "unknown" for replica in seen}
        return tuple(sorted({by_address.get(each, "unknown") for each in self.caddy.answered_by(route, path)}))

    def traffic(self) -> Traffic:
        """Return what the proxy counted of the users' requests, without what :meth:`split` sent to the new release."""
        return self.sides()[0]

    def sides(self) -> tuple[Traffic, Traffic]:
        """Return what the proxy counted of the users' requests: to the release that serves, and to the new one."""
        return self.caddy.traffic(self.name)

    def close_stale_candidate(self) -> None:
        """Close the candidate's route when the replicas behind it are gone: others may get their ports."""
        candidate = Route(f"{self.name}.candidate", 0, self.folder / "candidate")
        known = {address for each in self.sets() for address in each.addresses}
        if not set(candidate.upstreams()) <= known:
            candidate.close()

    def withdraw(self, replicas: ReplicaSet) -> None:
        """Remove a set that does not serve, and take it off the candidate's route."""
        self.target.remove(replicas)
        self.close_stale_candidate()

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
