"""How replicas run on a Docker engine: the `docker` part of an environment in `sluice.yaml`."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.texts import SecretReference

LOCAL = "unix:///var/run/docker.sock"
Engine = Annotated[str, Field(pattern=r"^(unix:///|ssh://|tcp://)[^\s'\"]+$", max_length=500)]
"""Address of an engine."""


def usual_engine() -> str:
    """Return the address of the engine of this machine: what DOCKER_HOST names, else the usual socket."""
    return os.environ.get("DOCKER_HOST") or LOCAL


AbsolutePath = Annotated[str, Field(pattern=r"^/[^\s:]*$", max_length=500)]
"""Path on this machine or in a container."""


class EngineTls(Declared):
    """Certificates for an engine at `tcp://`."""

    ca: AbsolutePath = Field(description="File with the certificate of the authority that signed the engine's.")
    cert: AbsolutePath = Field(description="File with this client's certificate.")
    key: AbsolutePath = Field(description="File with its key.")


class EngineSsh(Declared):
    """How the system's `ssh` reaches an engine at `ssh://`, where ~/.ssh/config does not say it."""

    key: AbsolutePath | None = Field(default=None, description="File with the private key; no other is tried.")
    known_hosts: AbsolutePath | None = Field(
        default=None, description="File with the host keys that are believed; ~/.ssh/known_hosts when empty."
    )


class RegistryLogin(Declared):
    """Who we are at the registry: when an engine pulls, and when a build pushes."""

    username: str = Field(min_length=1, description="Account.")
    password: SecretReference = Field(description="`env:NAME`, `file:/path` or `block:name`.")


class DockerConfig(Declared):
    """How replicas run on a Docker engine; closed by default, each line opens one door."""

    engine: Engine = Field(
        default_factory=usual_engine,
        description="`unix:///path`, `ssh://user@host[:port][/socket]` or, with `tls`, `tcp://host:2376`; "
        "the engine that builds when empty: DOCKER_HOST of the services, else the usual socket.",
    )
    tls: EngineTls | None = Field(default=None, description="Certificates for `tcp://`.")
    ssh: EngineSsh | None = Field(default=None, description="Key and host keys for `ssh://`.")
    login: RegistryLogin | None = Field(
        default=None, description="Login at the registry; none when it lets anybody pull."
    )
    publish: str = Field(
        default="127.0.0.1",
        pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$",
        description="Address of the engine's machine that the replicas' ports are bound to; the proxy must reach it.",
    )
    port: int = Field(default=8080, strict=True, ge=1, le=65535, description="Port that the service has to listen on.")
    pids: int = Field(default=512, strict=True, ge=4, le=1_000_000, description="Processes and threads of one replica.")
    user: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_.:-]+$", description="User in the container; the image's when empty."
    )
    read_only: bool = Field(default=True, strict=True, description="The image's files cannot be written.")
    writable: tuple[AbsolutePath, ...] = Field(
        default=("/tmp",),  # noqa: S108 - in the container, a file system of its own
        description="Folders in memory that can be written.",
    )
    capabilities: tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Z_]+$")], ...] = Field(
        default=(), description="Linux capabilities to keep, e.g. NET_BIND_SERVICE; all are dropped."
    )
    new_privileges: bool = Field(default=False, strict=True, description="Let setuid programs take other rights.")
    secrets_as: Literal["variables", "files"] = Field(
        default="variables",
        description="`variables`: set by /bin/sh at the start; `files`: /run/secrets/NAME, and NAME_FILE says where.",
    )
