"""The target `docker`: each replica is a container of an engine; what runs is known from the engine's labels alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sluice.config.docker import DockerConfig
from sluice.config.model import Environment, Service
from sluice.errors import DeployFailedError
from sluice.records.build import Release
from sluice.records.deploy import Replica
from sluice.settings import Home
from sluice.stages.workplace import now
from sluice.targets import docker_container as container
from sluice.targets.base import Launch, Log, Prepared, ReplicaSet, Said
from sluice.targets.docker_container import LABEL, Facts
from sluice.targets.docker_engine import Engine
from sluice.targets.docker_replica import never_healthy, numbers, refuse_ended, replica
from sluice.targets.engines import Engines
from sluice.targets.folders import Folders
from sluice.targets.ports import free_ports
from sluice.targets.replica import answers, configuration_of, connections_to
from sluice.targets.tag import home_tag

POLL_SECONDS = 0.1
WORKERS = 8


class DockerTarget:
    """Replicas as containers, with limits, behind the proxy on this machine.

    The ports of the replicas are chosen here and not by the engine: it would give a container another one at each
    restart, and the proxy would look for it at the old.
    """

    name = "docker"

    def __init__(self, home: Home, connect: Callable[[DockerConfig], Engine] = Engine) -> None:
        self.files = Folders(home)
        self.engines = Engines(home)
        self._connect = connect
        self._tag = home_tag(home)

    def prepare(self, release: Release, service: Service, declaration: Environment, log: Log) -> Prepared:
        """Have the engine pull the image by its digest, unless it is there."""
        image = self._connect(declaration.docker).pull(release.reference, log)
        config = image.get("Config") or {}
        if not (service.command or config.get("Cmd") or config.get("Entrypoint")):
            raise DeployFailedError(
                "the image has no command, and sluice.yaml names none",
                code="PROGRAM_MISSING",
                where="sluice.yaml: service.command",
                found=release.reference,
                next_step="Add CMD to the Dockerfile, or `command` to `service`.",
            )
        return Prepared(place=release.reference)

    def absence(self, release: Release, declaration: Environment) -> str:
        """Return why neither the engine nor the registry gives the image; empty: one of them does."""
        engine = self._connect(declaration.docker)
        problem = "" if engine.image(release.reference) else engine.not_in_registry(release.reference)
        return problem and f"{release.reference} is {problem}"

    def ask(self, launch: Launch, secrets: Mapping[str, str], words: Sequence[str], seconds: float) -> Said:
        """Run one command in a container of its own that is as a replica is, and remove it."""
        engine = self._connect(launch.declaration.docker)
        self.engines.add(launch.project, launch.environment, launch.declaration.docker)
        group = f"{self._group(launch)}-ask-{time.monotonic_ns()}"
        marks = self._labels(launch.project, launch.environment, once=group, run=launch.run_id)
        volume = self._keep_secrets(engine, launch, secrets, group, marks)
        asked = container.spec(launch, secrets, engine.pull(launch.release.reference), list(words), volume)
        network = self._network(launch.project, launch.environment)
        engine.network(network, self._labels(launch.project, launch.environment))
        asked |= {"Labels": marks, "HostConfig": {**asked["HostConfig"], "NetworkMode": network}}
        made = engine.create(group, asked)
        try:
            engine.start(made)
            code = engine.wait(made, seconds)
            return Said(exit_code=code, output=engine.logs(made, 10).decode("utf-8", "replace"))
        finally:
            engine.remove(made, 1.0)
            self._forget_volumes(engine, launch.project, launch.environment)

    def end_asked(self, project: str, environment: str, _mark: str) -> None:
        """Remove the containers of commands and their secrets: who calls holds the environment and runs none."""
        for engine in map(self._connect, self.engines.known(project, environment)):
            for each in engine.containers(self._labels(project, environment, once="")):
                engine.remove(each["Id"], 1.0)
            self._forget_volumes(engine, project, environment)

    def start(self, launch: Launch, secrets: Mapping[str, str]) -> ReplicaSet:
        """Start all replicas aside; returns before they answer."""
        engine = self._connect(launch.declaration.docker)
        self.engines.add(launch.project, launch.environment, launch.declaration.docker)
        replicas = self._describe(launch, secrets)
        try:
            self._create(engine, launch, replicas, secrets)
            with ThreadPoolExecutor(WORKERS) as pool:
                list(pool.map(lambda n: engine.start(replicas.program(n)), numbers(replicas)))
        except BaseException:
            self.remove(replicas)
            raise
        return replicas

    def wait_healthy(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """Return the replicas once each answers 200 on the health path; from then on they are kept up."""
        engine = self._connect(replicas.declaration.docker)
        deadline = time.monotonic() + replicas.service.start_timeout
        while True:
            for number in numbers(replicas):
                refuse_ended(engine, replicas, number)
            quiet = any(answers(port, replicas.service.health, replicas.host) for port in replicas.ports)
            seen = () if quiet else self.observe(replicas)
            if seen and all(replica.healthy for replica in seen):
                break
            if time.monotonic() > deadline:
                raise never_healthy(engine, replicas, self.observe(replicas))
            time.sleep(POLL_SECONDS)
        for number in numbers(replicas):
            engine.keep_up(replicas.program(number))
        return seen

    def observe(self, replicas: ReplicaSet) -> tuple[Replica, ...]:
        """Return the replicas as they are now, each as the engine and its own answer tell."""
        engine = self._connect(replicas.declaration.docker)
        with ThreadPoolExecutor(max_workers=min(WORKERS, len(replicas.ports))) as pool:
            return tuple(pool.map(lambda n: replica(engine, replicas, n), numbers(replicas)))

    def drift(self, replicas: ReplicaSet) -> tuple[str, ...]:
        """Return what containers have other than they were started with."""
        engine, found = self._connect(replicas.declaration.docker), []
        image = engine.image(replicas.release.reference)
        for number in numbers(replicas):
            name = replicas.program(number)
            kept = engine.get(name, container.SECRETS) if replicas.private else {}
            found += container.drift(replicas, number, engine.inspect(name), kept, image)
        return tuple(found)

    def readable(self, replicas: ReplicaSet) -> tuple[tuple[str, bytes | Path], ...]:
        """Return the replicas' logs and what `docker inspect` shows of them."""
        engine, found = self._connect(replicas.declaration.docker), list[tuple[str, bytes | Path]]()
        for number in numbers(replicas):
            name = replicas.program(number)
            found.append((f"the log of replica {number}", engine.logs(name)))
            found.append((f"docker inspect of replica {number}", json.dumps(engine.inspect(name)).encode()))
        return tuple(found)

    def open_requests(self, replicas: ReplicaSet) -> int:
        """Return how many connections this machine, where the proxy is, holds to the replicas."""
        return connections_to(replicas.host, replicas.ports)

    def sets(self, project: str, environment: str) -> tuple[ReplicaSet, ...]:
        """Return every set that engines have for this environment, half-made ones included, oldest first."""
        found: dict[str, ReplicaSet] = {}
        for config in self.engines.known(project, environment):
            marks = self._labels(project, environment, set="")
            for each in map(container.described, self._connect(config).containers(marks)):
                if each is not None:
                    found[each.group] = each
        return tuple(sorted(found.values(), key=lambda replicas: replicas.started_at))

    def remove(self, replicas: ReplicaSet) -> None:
        """Keep the logs of all replicas, stop and remove them and their secrets."""
        engine, seconds = self._connect(replicas.declaration.docker), replicas.service.stop_timeout
        marks = self._labels(replicas.project, replicas.environment, group=replicas.group)

        def end(each: Facts) -> None:
            number = each["Labels"].get(f"{LABEL}.replica", "")
            if number:
                path = self.files.log(replicas, int(number))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(engine.logs(each["Id"]))
            engine.remove(each["Id"], seconds)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(end, engine.containers(marks)))
        self._forget_volumes(engine, replicas.project, replicas.environment)
        self.files.forget(replicas)
        if not engine.containers(self._labels(replicas.project, replicas.environment)):
            engine.remove_network(self._network(replicas.project, replicas.environment))
            self.engines.drop(replicas.project, replicas.environment, replicas.declaration.docker)

    def _create(self, engine: Engine, launch: Launch, replicas: ReplicaSet, secrets: Mapping[str, str]) -> None:
        network = self._network(launch.project, launch.environment)
        engine.network(network, self._labels(launch.project, launch.environment))
        own = {"group": replicas.group, "set": replicas.model_dump_json()}
        own |= {"deployment": launch.deployment_id, "release": launch.release.digest, "run": launch.run_id}
        marks = self._labels(launch.project, launch.environment, **own)
        volume = self._keep_secrets(engine, launch, secrets, replicas.group, marks)
        image = engine.pull(launch.release.reference)
        words = [word.replace("{port}", str(launch.declaration.docker.port)) for word in launch.service.command]
        for number, port in enumerate(replicas.ports, start=1):
            asked = container.spec(launch, secrets, image, words, volume)
            asked["HostConfig"] |= container.published(launch, port, network)
            asked["ExposedPorts"] = {name: {} for name in asked["HostConfig"]["PortBindings"]}
            asked["Labels"] = {**marks, f"{LABEL}.replica": str(number)}
            engine.create(replicas.program(number), asked)

    def _keep_secrets(
        self, engine: Engine, launch: Launch, secrets: Mapping[str, str], group: str, marks: Mapping[str, str]
    ) -> str:
        """Put the secrets into a volume, through a container that never starts; return its name."""
        self._forget_volumes(engine, launch.project, launch.environment)
        if not secrets:
            return ""
        engine.volume(group, marks)
        mount = {"Type": "volume", "Source": group, "Target": container.SECRETS, "VolumeOptions": {"NoCopy": True}}
        holder = {"Image": launch.release.reference, "Cmd": ["-"], "Labels": dict(marks)}
        made = engine.create(f"{group}-secrets", {**holder, "HostConfig": {"Mounts": [mount], "NetworkMode": "none"}})
        try:
            engine.put(made, container.SECRETS, container.secret_files(launch, secrets))
        finally:
            engine.remove(made, 1.0)
        return group

    def _forget_volumes(self, engine: Engine, project: str, environment: str) -> None:
        """Remove the secrets of whatever is gone."""
        marks = self._labels(project, environment)
        used = {mount.get("Name") for each in engine.containers(marks) for mount in each.get("Mounts") or ()}
        for volume in engine.volumes(marks):
            if volume["Name"] not in used:
                engine.remove_volume(volume["Name"])

    def _describe(self, launch: Launch, secrets: Mapping[str, str]) -> ReplicaSet:
        taken = {port for known in self.sets(launch.project, launch.environment) for port in known.ports}
        again = f"-{launch.attempt}" if launch.attempt > 1 else ""
        return ReplicaSet(
            group=f"{self._group(launch)}{again}",
            ports=free_ports(launch.declaration.replicas, taken),
            configuration=configuration_of(launch.service, launch.declaration, secrets),
            started_at=now(),
            private=tuple(sorted(secrets)),
            host=launch.declaration.docker.publish,
            **launch.model_dump(exclude={"attempt", "python"}),
        )

    def _group(self, launch: Launch) -> str:
        name = f"app-{launch.project[:40]}-{launch.environment[:40]}-{launch.release.digest[7:19]}"
        return f"{name}-{launch.deployment_id[:8]}"

    def _network(self, project: str, environment: str) -> str:
        return f"sluice-{self._tag}-{project}-{environment}"

    def _labels(self, project: str, environment: str, **more: str) -> dict[str, str]:
        return container.labels(self._tag, project, environment, **more)
