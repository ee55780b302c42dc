"""The target `process`: each replica is a program of the process manager, with limits, behind the proxy."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sluice import limits
from sluice.config.model import Environment, Service
from sluice.records.build import Release
from sluice.records.deploy import Replica
from sluice.settings import Home
from sluice.stages.workplace import now
from sluice.targets import bundles
from sluice.targets.awake import awake
from sluice.targets.base import (
    Launch,
    Log,
    PortTakenError,
    Prepared,
    ProcessManager,
    Program,
    ProgramState,
    ReplicaFailedError,
    ReplicaSet,
    Said,
)
from sluice.targets.bundles import Unpack
from sluice.targets.drift import drift, variables_of
from sluice.targets.files import write_private
from sluice.targets.folders import Folders
from sluice.targets.ports import free_ports, is_free
from sluice.targets.replica import (
    answers,
    command_line,
    command_of,
    configuration_of,
    connections,
    environment_of,
    listens,
    release_digest,
)
from sluice.targets.tag import home_tag
from sluice.tools.supervisor import ServiceProgram

POLL_SECONDS = 0.05
START_RETRIES = 1000  # a replica in service is never given up: what it waits for may come back
ENDED = ("BACKOFF", "EXITED", "FATAL", "UNKNOWN")


class ProcessTarget:
    """Replicas as programs of one supervisord; what was started is described in `home/apps/<project>/<environment>`."""

    name = "process"

    def __init__(self, home: Home, supervisor: ProcessManager, unpack: Unpack) -> None:
        self.home = home
        self.files = Folders(home)
        self.supervisor = supervisor
        self._unpack = unpack
        self._tag = home_tag(home)

    def prepare(self, release: Release, service: Service, _declaration: Environment, log: Log) -> Prepared:
        """Unpack the release and make its environment."""
        return bundles.prepare(self._unpack, release, service, self.home, log)

    def absence(self, release: Release, _declaration: Environment) -> str:
        """Return why the bundle cannot be had from the artifact store, unharmed; empty: it can."""
        there = bundles.in_store(release, self.home)
        return "" if there else f"the bundle of {release.digest[:19]} is gone or changed"

    def ask(self, launch: Launch, secrets: Mapping[str, str], words: Sequence[str], seconds: float) -> Said:
        """Run one command in the release's folder and environment."""
        return bundles.ask(launch, secrets, words, seconds)

    def end_asked(self, _project: str, _environment: str, mark: str) -> None:
        """End the commands that have this PGAPPNAME, with all that they started."""
        bundles.end_asked(mark)

    def start(self, launch: Launch, secrets: Mapping[str, str]) -> ReplicaSet:
        """Start all replicas aside; returns before they answer."""
        replicas = self._describe(launch, secrets)
        for number, port in enumerate(replicas.ports, start=1):
            text = json.dumps(environment_of(launch, secrets, port))
            write_private(self.files.environment(replicas, number), text)
        write_private(self.files.description(replicas), replicas.model_dump_json())
        self.files.make_logs()
        programs = [self._program(launch, replicas, n, p) for n, p in enumerate(replicas.ports, start=1)]
        self.supervisor.add_group(replicas.group, programs)
        return replicas

    def wait_healthy(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """Return the replicas once each answers 200 on the health path; see :class:`Target` for errors."""
        deadline = time.monotonic() + replicas.service.start_timeout
        while True:
            self._refuse_ended(replicas, self._states(replicas))
            quiet = any(answers(port, replicas.service.health) for port in replicas.ports)
            seen = () if quiet else self.observe(replicas)
            if seen and all(replica.healthy for replica in seen):
                self.files.note_names(replicas, [variables_of(each.pid) if each.pid else {} for each in seen])
                return seen
            if time.monotonic() > deadline:
                raise self._never_healthy(replicas, self.observe(replicas))
            time.sleep(POLL_SECONDS)

    def observe(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """Return the replicas as they are now, each read from its process, the kernel and its own answer."""
        states = self._states(replicas)
        with ThreadPoolExecutor(max_workers=min(8, len(replicas.ports))) as pool:
            seen = pool.map(
                lambda n: self._replica(replicas, n, states.get(replicas.program(n))), self._numbers(replicas)
            )
            return tuple(seen)

    def drift(self, replicas: ReplicaSet) -> tuple[str, ...]:
        """Return what processes, environment files and limits have other than they were started with."""
        pids = self._pids(replicas)
        return tuple(
            problem
            for number, pid in zip(self._numbers(replicas), pids, strict=True)
            for problem in drift(replicas, number, self.files, pid, self._cgroup(replicas, number))
        )

    def readable(self, replicas: ReplicaSet) -> tuple[tuple[str, bytes | Path], ...]:
        """Return the replicas' logs, their command lines, the description of the set and the release's files."""
        logs = [(f"the log of replica {n}", self.files.log(replicas, n)) for n in self._numbers(replicas)]
        lines = [(f"the command line of process {pid}", command_line(pid)) for pid in self._pids(replicas) if pid]
        files = bundles.files_below(Path(replicas.path), "the release's file")
        return (*logs, *lines, ("the description of the replicas", self.files.description(replicas)), *files)

    def _pids(self, replicas: ReplicaSet) -> list[int | None]:
        states = self._states(replicas)
        names = map(replicas.program, self._numbers(replicas))
        return [(states[name].pid or None) if name in states else None for name in names]

    def open_requests(self, replicas: ReplicaSet) -> int:
        """Return how many connections the replicas hold; the proxy keeps one only as long as a request runs on it."""
        pids = self._pids(replicas)
        return sum(connections(pid, port) for pid, port in zip(pids, replicas.ports, strict=True) if pid)

    def sets(self, project: str, environment: str) -> tuple[ReplicaSet, ...]:
        """Return every set that was started here and not removed, oldest first."""
        return self.files.sets(project, environment)

    def remove(self, replicas: ReplicaSet) -> None:
        """Stop all replicas (TERM, then KILL after `stop_timeout`), free their limits, forget their secrets."""
        self.files.make_logs()
        with awake(self.supervisor):
            self.supervisor.remove_group(replicas.group)
        for number in self._numbers(replicas):
            limits.remove(self._cgroup(replicas, number))
        self.files.forget(replicas)

    def _describe(self, launch: Launch, secrets: Mapping[str, str]) -> ReplicaSet:
        taken = {port for known in self.files.sets() for port in known.ports}
        again = f"-{launch.attempt}" if launch.attempt > 1 else ""
        name = f"app-{launch.project[:40]}-{launch.environment[:40]}-{launch.release.digest[7:19]}"
        return ReplicaSet(
            group=f"{name}-{launch.deployment_id[:8]}{again}",
            ports=free_ports(launch.declaration.replicas, taken),
            configuration=configuration_of(launch.service, launch.declaration, secrets),
            started_at=now(),
            private=tuple(sorted(secrets)),
            **launch.model_dump(exclude={"attempt", "python"}),
        )

    def _program(self, launch: Launch, replicas: ReplicaSet, number: int, port: int) -> Program:
        words = limits.wrap(
            command_of(launch, port),
            memory_bytes=launch.declaration.memory,
            cpus=launch.declaration.cpu,
            name=self._cgroup(replicas, number),
            env_file=self.files.environment(replicas, number),
            starts_file=self.files.starts(replicas, number),
        )
        return ServiceProgram(
            name=replicas.program(number),
            command=tuple(words),
            directory=Path(launch.path),
            log=self.files.log(replicas, number),
            stop_seconds=launch.service.stop_timeout,
            start_retries=START_RETRIES,
        )

    def _states(self, replicas: ReplicaSet) -> dict[str, ProgramState]:
        return {state.name: state for state in self.supervisor.processes() if state.group == replicas.group}

    def _replica(self, replicas: ReplicaSet, number: int, state: ProgramState | None) -> Replica:
        port = replicas.ports[number - 1]
        cgroup = self._cgroup(replicas, number)
        pid = state.pid if state is not None and state.pid else None
        healthy = pid is not None and not answers(port, replicas.service.health) and listens(pid, port)
        return Replica(
            name=replicas.program(number),
            release_digest=release_digest(pid, replicas) if pid else "",
            pid=pid,
            address=f"127.0.0.1:{port}",
            healthy=healthy,
            restarts=self.files.restarts(replicas, number),
            memory_limit_bytes=limits.memory_limit(cgroup, pid),
            cpu_limit=limits.cpu_limit(cgroup),
            limits_enforced=limits.enforced(cgroup, pid) if pid else (),
        )

    def _refuse_ended(self, replicas: ReplicaSet, states: Mapping[str, ProgramState]) -> None:
        for number, port in enumerate(replicas.ports, start=1):
            state = states.get(replicas.program(number))
            if state is not None and state.state not in ENDED and self.files.restarts(replicas, number) == 0:
                continue
            memory = replicas.declaration.memory
            killed = limits.oom_killed(self._cgroup(replicas, number))
            how = f"was killed: out of memory (limit {memory >> 20} MiB)" if killed else "ended"
            error = ReplicaFailedError if is_free(port) else PortTakenError
            raise error(
                f"replica {number} of {replicas.release.digest[:19]} {how} before it was healthy",
                code="OUT_OF_MEMORY" if killed else None,
                where=str(self.files.log(replicas, number)),
                next_step=f"{ReplicaFailedError.next_step} {self.files.last_words(replicas, number)}",
            )

    def _never_healthy(self, replicas: ReplicaSet, seen: tuple[Replica, ...]) -> ReplicaFailedError:
        number = next((n for n, replica in enumerate(seen, start=1) if not replica.healthy), 1)  # all, too late
        port, pid = replicas.ports[number - 1], seen[number - 1].pid
        waited = f"{replicas.service.start_timeout:g} s"
        if pid is not None and not listens(pid, port) and not is_free(port):
            return PortTakenError(f"port {port} of replica {number} is held by another program after {waited}")
        came = answers(port, replicas.service.health) or "it turned healthy too late"
        return ReplicaFailedError(
            f"replica {number} of {replicas.release.digest[:19]} was not healthy within {waited}",
            code="NEVER_HEALTHY",
            where=f"GET http://127.0.0.1:{port}{replicas.service.health}",
            found=came,
            allowed="status 200",
            next_step=f"{ReplicaFailedError.next_step} {self.files.last_words(replicas, number)}",
        )

    def _numbers(self, replicas: ReplicaSet) -> range:
        return range(1, len(replicas.ports) + 1)

    def _cgroup(self, replicas: ReplicaSet, number: int) -> str:
        return f"{self._tag}-{replicas.program(number)}"


def remove_limits(home: Home) -> bool:
    """Remove the control groups of all replicas of a home, for when nothing of it is to stay on the machine."""
    return limits.remove_all(f"{home_tag(home)}-app-")
