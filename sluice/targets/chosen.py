"""The target that an environment declares; an environment that moves from one to the other is seen whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from sluice.config.model import Environment, Service
from sluice.records.build import Release
from sluice.records.deploy import Replica
from sluice.settings import Home
from sluice.targets.base import Launch, Log, Prepared, ReplicaSet, Said, Target
from sluice.targets.engines import Engines


class Targets:
    """Hands each call to the target that is declared: of the launch, or of the replicas when they were started."""

    def __init__(self, home: Home, process: Target) -> None:
        self._home = home
        self._process = process
        self._engines = Engines(home)

    @cached_property
    def _docker(self) -> Target:
        from sluice.targets.docker import DockerTarget  # its client library takes long to import

        return DockerTarget(self._home)

    def _of(self, declaration: Environment) -> Target:
        return self._docker if declaration.target == "docker" else self._process

    def prepare(self, release: Release, service: Service, declaration: Environment, log: Log) -> Prepared:
        """See :class:`Target`."""
        return self._of(declaration).prepare(release, service, declaration, log)

    def absence(self, release: Release, declaration: Environment) -> str:
        """See :class:`Target`."""
        return self._of(declaration).absence(release, declaration)

    def ask(self, launch: Launch, secrets: Mapping[str, str], words: Sequence[str], seconds: float) -> Said:
        """See :class:`Target`."""
        return self._of(launch.declaration).ask(launch, secrets, words, seconds)

    def end_asked(self, project: str, environment: str, mark: str) -> None:
        """End them on both targets."""
        self._process.end_asked(project, environment, mark)
        if self._engines.known(project, environment):
            self._docker.end_asked(project, environment, mark)

    def start(self, launch: Launch, secrets: Mapping[str, str]) -> ReplicaSet:
        """See :class:`Target`."""
        return self._of(launch.declaration).start(launch, secrets)

    def wait_healthy(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """See :class:`Target`."""
        return self._of(replicas.declaration).wait_healthy(replicas)

    def observe(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """See :class:`Target`."""
        return self._of(replicas.declaration).observe(replicas)

    def drift(self, replicas: ReplicaSet) -> tuple[str, ...]:
        """See :class:`Target`."""
        return self._of(replicas.declaration).drift(replicas)

    def readable(self, replicas: ReplicaSet) -> tuple[tuple[str, bytes | Path], ...]:
        """See :class:`Target`."""
        return self._of(replicas.declaration).readable(replicas)

    def open_requests(self, replicas: ReplicaSet) -> int:
        """See :class:`Target`."""
        return self._of(replicas.declaration).open_requests(replicas)

    def sets(self, project: str, environment: str) -> tuple[ReplicaSet, ...]:
        """Return the sets of both targets, oldest first."""
        found = list(self._process.sets(project, environment))
        if self._engines.known(project, environment):
            found += self._docker.sets(project, environment)
        return tuple(sorted(found, key=lambda replicas: replicas.started_at))

    def remove(self, replicas: ReplicaSet) -> None:
        """See :class:`Target`."""
        self._of(replicas.declaration).remove(replicas)
