"""The images that a build begins with: in the engine before the build, so that their digests are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docker import DockerClient
from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from sluice.command import LineSink
from sluice.errors import TransientError
from sluice.tools.docker.dockerfile import DockerfileError
from sluice.tools.docker.pull import pull
from sluice.tools.docker.registry_session import Login, RegistryRefusedError


@dataclass(frozen=True)
class Base:
    """A base image: `digest` is its registry's, else its id; `diff_ids` are its layers."""

    name: str
    digest: str = ""
    pinned: bool = False
    diff_ids: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Name and digest; empty: the image begins with nothing."""
        return f"{self.name.partition('@')[0]}@{self.digest}" if self.name else ""


def bring(
    client: DockerClient,
    images: Sequence[tuple[str, int]],
    platform: str,
    host: str,
    login: Login | None,
    log: LineSink,
) -> dict[str, Base]:
    """Have the base images in the engine, pulled where it lacks them; the login is for images of `host` alone.

    Raises:
        DockerfileError: there is no such image, with the line that names it.
        RegistryRefusedError: its registry does not give it to this account.
        TransientError: its registry cannot be reached.
    """
    return {
        name: _base(name, _local(client, name, platform) or _pull(client, name, line, platform, host, login, log))
        for name, line in images
    }


def _local(client: DockerClient, name: str, platform: str) -> Any:
    try:
        image = client.images.get(name)
    except ImageNotFound:
        return None
    return image if f"{image.attrs['Os']}/{image.attrs['Architecture']}" == platform else None


def _pull(
    client: DockerClient, name: str, line: int, platform: str, host: str, login: Login | None, log: LineSink
) -> Any:
    log(f"pulling {name} for {platform}")
    mine = login is not None and name.startswith(f"{host}/")
    auth = {"username": login.username, "password": login.password} if mine and login else None
    full = name if re.search(r"@|:[^/]+$", name) else f"{name}:latest"
    repository, tag = parse_repository_tag(full)
    failure = pull(client.api, repository, tag, auth, platform)
    if failure is None:
        return client.images.get(full)
    if failure.kind == "refused" and "does not exist" not in failure.words:  # a typing error, more often than not
        who = f"account {login.username}" if mine and login else "nobody (no login is declared)"
        raise RegistryRefusedError(f"{who} may not pull the base image", where=name, found=failure.words)
    if failure.kind != "down":
        raise DockerfileError(
            f"line {line}: base image for {platform} is not there",
            code="DOCKERFILE_BASE",
            where=name,
            found=failure.words,
        )
    raise TransientError("the base image cannot be pulled", code="BASE_UNREACHABLE", where=name, found=failure.words)


def _base(name: str, image: Any) -> Base:
    digests = {_short(each.partition("@")[0]): each.partition("@")[2] for each in image.attrs.get("RepoDigests") or []}
    named = name.partition("@")[2]
    own = _short(parse_repository_tag(name)[0])  # the same image may have been pushed to other repositories too
    return Base(
        name=name,
        digest=named or digests.get(own) or str(image.id),
        pinned=bool(named),
        diff_ids=tuple(image.attrs["RootFS"].get("Layers") or ()),
    )


def _short(repository: str) -> str:
    """Return a repository as the engine names it: without what stands for the usual registry."""
    return repository.removeprefix("docker.io/").removeprefix("index.docker.io/").removeprefix("library/")
