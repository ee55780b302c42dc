"""A Docker engine, spoken to through its API: every failure is a named error, every call has a time limit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.tls import TLSConfig

from sluice.config.docker import DockerConfig
from sluice.errors import DeployFailedError, InfrastructureError, TransientError
from sluice.secrets import resolve
from sluice.targets.base import Log, PortTakenError
from sluice.targets.docker_files import packed, unpacked

TIMEOUT = 60.0  # seconds that the engine may take to answer; a hanging one is told, not waited for
TAKEN = ("port is already allocated", "address already in use")
FORBIDDEN = ("unauthorized", "authentication required", "denied", "no basic auth credentials")
UNKNOWN = ("manifest unknown", "not found", "name unknown", "repository does not exist")

Facts = dict[str, Any]
"""What the engine tells of a container or an image."""


class EngineError(TransientError):
    """The engine does not answer, or did not do what it was asked for."""

    code = "ENGINE_DOWN"
    next_step = "Start the Docker engine, or correct `docker.engine`; what served keeps its place. Then run again."


class ImageGoneError(DeployFailedError):
    """The image can be had neither from the engine nor from the registry."""

    code = "IMAGE_GONE"
    next_step = "Build it again (`sluice run --fresh`), or name another release."


class Engine:
    """The engine that an environment names."""

    def __init__(self, config: DockerConfig) -> None:
        self.address = config.engine
        self._login = config.login
        with self._told("connect"):
            self._api = _client(
                os.getpid(), config.engine, config.tls and (config.tls.ca, config.tls.cert, config.tls.key)
            )

    def pull(self, reference: str, log: Log | None = None) -> Facts:
        """Return the image, pulled by its digest unless it is there.

        Raises:
            ImageGoneError: neither here nor in the registry (`IMAGE_GONE`), or it refuses us (`PULL_REFUSED`).
        """
        found = self.image(reference)
        if found is not None:
            return found
        if log is not None:
            log(f"pull {reference}")
        repository, _, digest = reference.partition("@")
        try:
            for line in self._api.pull(repository, tag=digest, auth_config=self._auth(), stream=True, decode=True):
                if "error" in line:
                    raise self._not_pulled(reference, str(line["error"]))
        except APIError as error:
            raise self._not_pulled(reference, str(error.explanation or error)) from error
        except (DockerException, requests.RequestException) as error:
            raise self._down("pull", error) from error
        pulled = self.image(reference)
        if pulled is None:
            raise ImageGoneError("the engine pulled something else", where=self.address, found=reference)
        return pulled

    def image(self, reference: str) -> Facts | None:
        """Return the image as the engine has it, by reference or id; None when it has none."""
        with self._told("inspect image"), suppress(NotFound):
            return dict(self._api.inspect_image(reference))
        return None

    def in_registry(self, reference: str) -> bool:
        """Tell whether the registry still has the image; asked through the engine, which has the way to it."""
        try:
            self._api.inspect_distribution(reference, auth_config=self._auth())
        except (DockerException, requests.RequestException):  # refused, gone or down: it could not be pulled now
            return False
        return True

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
        try:
            self._api.start(container)
        except APIError as error:
            told = str(error.explanation or error)
            if any(text in told for text in TAKEN):
                raise PortTakenError("another program took the port of a container", where=self.address) from error
            raise DeployFailedError(
                "the engine cannot start the container", code="START_REFUSED", where=self.address, allowed=told
            ) from error
        except (DockerException, requests.RequestException) as error:
            raise self._down("start container", error) from error

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
        with self._told("read limits"), suppress(NotFound):
            found = self._api.stats(container, stream=False, one_shot=True)
            return int(limit) if (limit := found.get("memory_stats", {}).get("limit")) else None
        return None

    def _auth(self) -> dict[str, str] | None:
        if self._login is None:
            return None
        secret = resolve({"password": self._login.password}, "docker.login")
        return {"username": self._login.username, **secret}

    def _not_pulled(self, reference: str, told: str) -> Exception:
        text = told.lower()
        if any(word in text for word in FORBIDDEN):
            return ImageGoneError(
                "the registry refuses the pull",
                code="PULL_REFUSED",
                where=reference,
                found=self._login.username if self._login else "no login",
                next_step="Correct `docker.login` of the environment.",
            )
        if any(word in text for word in UNKNOWN):
            return ImageGoneError("the image is neither local nor in the registry", where=reference, found=told)
        return TransientError(
            "the registry does not answer the engine", code="REGISTRY_DOWN", where=reference, found=told
        )

    def _down(self, what: str, error: Exception) -> InfrastructureError:
        return EngineError("the Docker engine does not do its work", where=f"{self.address}: {what}", found=error)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except NotFound:
            raise  # the caller knows what it means
        except (DockerException, requests.RequestException) as error:
            raise self._down(what, error) from error


@cache
def _client(_process: int, address: str, tls: tuple[str, str, str] | None) -> docker.APIClient:
    """Return this process's client: connections cannot be shared with a child."""
    config = TLSConfig(client_cert=(tls[1], tls[2]), ca_cert=tls[0], verify=True) if tls else None
    return docker.APIClient(address, version="auto", timeout=TIMEOUT, tls=config, use_ssh_client=True)
