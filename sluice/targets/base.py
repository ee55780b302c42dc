"""What a target offers: how a release runs in an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import AwareDatetime

from sluice.config.model import Environment, Service
from sluice.errors import DeployFailedError
from sluice.records.build import Release
from sluice.records.common import Frozen
from sluice.records.deploy import Replica

Log = Callable[[str], None]


class ReplicaFailedError(DeployFailedError):
    """A new replica ended, or never answered; its last log lines are in the message."""

    code = "REPLICA_FAILED"
    next_step = "What served before keeps its place. Mend the service, then run again."


class PortTakenError(ReplicaFailedError):
    """Another program took a replica's port first: starting again with other ports may help."""

    code = "REPLICA_PORT_TAKEN"


class ReplicaSet(Frozen):
    """All replicas of one release in one environment, started by one deployment.

    `ports` has one port a replica, on `host`; `path` is the folder that it runs in (an image has none);
    `configuration` is a digest of everything but the release that they started with;
    `private` names the variables with secret values (None: started by an older Sluice, which did not write it down).
    """

    group: str
    project: str
    environment: str
    deployment_id: str
    release: Release
    service: Service
    declaration: Environment
    configuration: str
    path: str
    ports: tuple[int, ...]
    started_at: AwareDatetime
    private: tuple[str, ...] | None = None
    host: str = "127.0.0.1"
    run_id: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """`host:port` of each replica, for the proxy."""
        return tuple(f"{self.host}:{port}" for port in self.ports)

    def program(self, number: int) -> str:
        """Return the name of replica `number`, counted from 1."""
        return f"{self.group}-{number}"


class Program(Frozen):
    """One program of the process manager: started with it, and again when it ends.

    `stop_seconds` lie between TERM and KILL to its whole process group; output and errors go to `log`.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    stop_seconds: float


class ProgramState(Protocol):
    """A program as the process manager sees it."""

    @property
    def name(self) -> str:
        """Name of the program."""

    @property
    def group(self) -> str:
        """Name of its group."""

    @property
    def state(self) -> str:
        """STARTING, RUNNING, BACKOFF, EXITED, FATAL …"""

    @property
    def pid(self) -> int | None:
        """Process id; None or 0 when it does not run."""


class ProcessManager(Protocol):
    """What the target `process` asks of `sluice.tools.supervisor.Supervisor`."""

    def add_group(self, name: str, programs: Sequence[Program]) -> None:
        """Write down and start a group of programs."""

    def remove_group(self, name: str) -> None:
        """Stop and forget a group; nothing happens when there is none."""

    def processes(self) -> Sequence[ProgramState]:
        """Return all programs of all groups."""


class Launch(Frozen):
    """What to start: the release with all that its replicas need, secrets aside."""

    project: str
    environment: str
    deployment_id: str
    run_id: str = ""
    attempt: int = 1
    release: Release
    service: Service
    declaration: Environment
    path: str = ""
    python: str | None = None


class Prepared(Frozen):
    """A release that can be started: where it lies (a folder, or an image's reference), and its interpreter."""

    place: str
    path: str = ""
    python: str | None = None


class Said(Frozen):
    """What a command of a release ended with; `exit_code` None: it ran out of time."""

    exit_code: int | None
    output: str


class Target(Protocol):
    """Starts, observes and removes replicas; sending requests to them is the proxy's part."""

    def prepare(self, release: Release, service: Service, declaration: Environment, log: Log) -> Prepared:
        """Bring the release to where it runs, unless it is there.

        Raises:
            DeployFailedError: it cannot be made ready, or its program is nowhere.
        """

    def absence(self, release: Release, declaration: Environment) -> str:
        """Return why :meth:`prepare` would not find the release, unharmed; empty: it would."""

    def ask(self, launch: Launch, secrets: Mapping[str, str], words: Sequence[str], seconds: float) -> Said:
        """Run one command of the prepared release in the environment of a replica, and return what it said."""

    def end_asked(self, project: str, environment: str, mark: str) -> None:
        """End commands of :meth:`ask` that outlived the run which asked; `mark` is the value of their PGAPPNAME."""

    def start(self, launch: Launch, secrets: Mapping[str, str]) -> ReplicaSet:
        """Start all replicas aside; returns before they answer."""

    def wait_healthy(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """Return the replicas once each answers 200 on the health path.

        Raises:
            PortTakenError: a replica could not listen because another program does.
            ReplicaFailedError: one ended, or did not answer within `service.start_timeout`.
        """

    def observe(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """Return the replicas as they are now: pid, release and limits are read from the running process."""

    def drift(self, replicas: ReplicaSet) -> tuple[str, ...]:
        """Return what running replicas have other than they were started with, in words that show no value."""

    def readable(self, replicas: ReplicaSet) -> tuple[tuple[str, bytes | Path], ...]:
        """Return what people can read of the replicas (logs, command lines, files): name, and content or file."""

    def open_requests(self, replicas: ReplicaSet) -> int:
        """Return how many requests the replicas are at work on."""

    def sets(self, project: str, environment: str) -> tuple[ReplicaSet, ...]:
        """Return every set that this environment has, half-made ones included, oldest first."""

    def remove(self, replicas: ReplicaSet) -> None:
        """Stop all replicas and forget them; nothing happens when they are gone already."""
