"""The engine of an environment, spoken to through its API: every failure is a named error, every call has a limit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

import requests
from docker.errors import APIError, NotFound

from sluice.config.docker import DockerConfig, EngineSsh, EngineTls
from sluice.errors import DeployFailedError
from sluice.secrets import resolve
from sluice.targets.base import Log, PortTakenError
from sluice.targets.docker_absence import ImageGoneError, absence, not_pulled
from sluice.targets.docker_files import packed, unpacked
from sluice.tools.docker.engine import Api, connect, told
from sluice.tools.docker.pull import failure_of, pull

TIMEOUT = 60.0  # seconds that the engine may take to answer; a hanging one is told, not waited for
TAKEN = ("port is already allocated", "address already in use")

Facts = dict[str, Any]
"""What the engine tells of a container or an image."""


class Engine:
    """The engine that an environment names."""

    def __init__(self, config: DockerConfig) -> None:
        self.address = config.engine
        self._login = config.login
        self._api = _client(config)

    def pull(self, reference: str, log: Log | None = None) -> Facts:
        """Return the image, pulled by its digest unless it is there.

        Raises:
            ImageGoneError: neither here nor in the registry (`IMAGE_GONE`), or it refuses us (`PULL_REFUSED`).
            TransientError: the registry does not answer, also when asked again (`REGISTRY_DOWN`).
        """
        found = self.image(reference)
        if found is not None:
            return found
        if log is not None:
            log(f"pull {reference}")
        repository, _, digest = reference.partition("@")
        with self._told("pull"):
            failure = pull(self._api, repository, digest, self._auth())
        if failure is not None:
            raise not_pulled(reference, failure, self._login)
        pulled = self.image(reference)
        if pulled is None:
            raise ImageGoneError("the engine pulled something else", where=self.address, found=reference)
        return pulled

    def image(self, reference: str) -> Facts | None:
        """Return the image as the engine has it, by reference or id; None when it has none."""
        with self._told("inspect image"), suppress(NotFound):
            return dict(self._api.inspect_image(reference))
        return None

    def not_in_registry(self, reference: str) -> str:
        """Return why an image that is not local cannot be had now; empty: the registry has it.

        The engine asks, for it has the way there.
        """
        with self._told("ask the registry"):
            try:
                self._api.inspect_distribution(reference, auth_config=self._auth())
            except APIError as error:
                return absence(failure_of(str(error.explanation or error)))
        return ""

    def containers(self, labels: Mapping[str, str]) -> list[Facts]:
        """Return all containers that have these labels, ended ones too."""
        wanted = [f"{name}={value}" if value else name for name, value in labels.items()]
        with self._told("list containers"):
            return [dict(each) for each in self._api.containers(all=True, filters={"label": wanted})]

    def create(self, name: str, spec: Facts) -> str:
        """Create a container and return its id."""
        with self._told("create container"):
            return str(self._api.create_container_from_config(spec, name)["Id"])

    def start(self, container: str) -> None:
        """Start a container.

        Raises:
            PortTakenError: another program has its port.
        """
        with self._told("start container"):
            try:
                self._api.start(container)
            except APIError as error:
                raise _not_started(self.address, str(error.explanation or error)) from error

    def inspect(self, container: str) -> Facts | None:
        """Return what the engine knows of a container; None when it is gone."""
        with self._told("inspect container"), suppress(NotFound):
            return dict(self._api.inspect_container(container))
        return None

    def keep_up(self, container: str) -> None:
        """Have the engine start a container again whenever it ends, and after a restart of the engine itself."""
        with self._told("update container"):
            self._api.update_container(container, restart_policy={"Name": "unless-stopped"})

    def wait(self, container: str, seconds: float) -> int | None:
        """Return the exit code of a container; None when it did not end in time."""
        try:
            return int(self._api.wait(container, timeout=seconds)["StatusCode"])
        except requests.exceptions.RequestException:
            return None

    def logs(self, container: str, lines: int | None = None) -> bytes:
        """Return what a container printed, or its last lines; nothing when it is gone."""
        with self._told("read logs"), suppress(NotFound):
            return bytes(self._api.logs(container, tail="all" if lines is None else lines))
        return b""

    def put(self, container: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files that everybody in the container may read into a folder of it."""
        with self._told("write files"):
            self._api.put_archive(container, folder, packed(files))

    def get(self, container: str, folder: str) -> dict[str, bytes] | None:
        """Return the files of a folder of a container; None when there is no such folder."""
        with self._told("read files"), suppress(NotFound):
            stream, _ = self._api.get_archive(container, folder)
            return unpacked(stream)
        return None

    def network(self, name: str, labels: Mapping[str, str]) -> None:
        """Make sure that a network exists."""
        with self._told("create network"):
            if not self._api.networks(names=[f"^{name}$"]):
                self._api.create_network(name, labels=dict(labels), check_duplicate=True)

    def volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a volume."""
        with self._told("create volume"):
            self._api.create_volume(name, labels=dict(labels))

    def volumes(self, labels: Mapping[str, str]) -> list[Facts]:
        """Return the volumes that have these labels."""
        with self._told("list volumes"):
            found = self._api.volumes({"label": [f"{name}={value}" for name, value in labels.items()]})
            return [dict(each) for each in found["Volumes"] or ()]

    def remove(self, container: str, stop_seconds: float) -> None:
        """Stop a container (TERM, then KILL) and remove it; nothing happens when it is gone."""
        with self._told("remove container"), suppress(NotFound):
            self._api.stop(container, timeout=max(1, round(stop_seconds)))
        with self._told("remove container"), suppress(NotFound):
            self._api.remove_container(container, force=True)

    def remove_volume(self, name: str) -> None:
        """Remove a volume; nothing happens when it is gone."""
        with self._told("remove volume"), suppress(NotFound):
            self._api.remove_volume(name, force=True)

    def remove_network(self, name: str) -> None:
        """Remove a network; nothing happens when it is gone, or when somebody still uses it."""
        with self._told("remove network"), suppress(NotFound):
            try:
                self._api.remove_network(name)
            except APIError as error:
                if error.status_code != requests.codes.FORBIDDEN:
                    raise

    def memory_limit(self, container: str) -> int | None:
        """Return the memory limit that the kernel holds a running container to."""
        return int(self._stats(container).get("memory_stats", {}).get("limit") or 0) or None

    def processor_seconds(self, container: str) -> float:
        """Return the processor time that a container has used; 0 when it does not run."""
        return float(self._stats(container).get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage") or 0) / 1e9

    def _stats(self, container: str) -> Facts:
        with self._told("read limits and use"), suppress(NotFound):
            return dict(self._api.stats(container, stream=False, one_shot=True))
        return {}

    def _auth(self) -> dict[str, str] | None:
        if self._login is None:
            return None
        secret = resolve({"password": self._login.password}, "docker.login")
        return {"username": self._login.username, **secret}

    def _told(self, what: str) -> AbstractContextManager[None]:
        return told(f"{self.address}: {what}")


def _not_started(address: str, words: str) -> DeployFailedError:
    if any(text in words for text in TAKEN):
        return PortTakenError("another program took the port of a container", where=address)
    return DeployFailedError(
        "the engine cannot start the container",
        code="START_REFUSED",
        where=address,
        next_step=f"The engine says: {words}",
    )


_clients: dict[tuple[int, str, EngineTls | None, EngineSsh | None], Api] = {}


def _client(config: DockerConfig) -> Api:
    """Return this process's client, for connections cannot be shared with a child; a new one where its way was cut."""
    key = (os.getpid(), config.engine, config.tls, config.ssh)
    known = _clients.get(key)
    if known is not None and known.alive:
        return known
    if known is not None:
        known.close()
    _clients[key] = connect(config.engine, config.tls, TIMEOUT, config.ssh).api
    return _clients[key]
