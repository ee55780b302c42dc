"""One container of a set: how the engine is asked for it, and what can be told of it while it runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from sluice.config.model import Environment
from sluice.targets.base import Launch, ReplicaSet
from sluice.targets.replica import configuration_of

LABEL = "io.sluice"
SECRETS = "/run/secrets"
SCRIPT = ".variables"  # sourced by /bin/sh before the service
WITH_VARIABLES = f'. {SECRETS}/{SCRIPT} && exec "$@"'
SCRATCH = "rw,nosuid,nodev,size=64m,mode=1777"
LOGS = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}

OPEN = {"Privileged": False, "PidMode": "", "Devices": []}  # doors that nothing here ever opens

Facts = dict[str, Any]


def labels(tag: str, project: str, environment: str, **more: str) -> dict[str, str]:
    """Return labels of ours: `io.sluice.home`, `.project`, `.environment`, and what else is told."""
    known = {"home": tag, "project": project, "environment": environment, **more}
    return {f"{LABEL}.{name}": value for name, value in known.items()}


def described(seen: Facts) -> ReplicaSet | None:
    """Return the set that a container belongs to, as its label tells; None for a label that is not ours."""
    try:
        return ReplicaSet.model_validate_json(seen["Labels"][f"{LABEL}.set"])
    except (KeyError, ValidationError):
        return None


def plain_variables(launch: Launch | ReplicaSet, secrets: Iterable[str]) -> dict[str, str]:
    """Return the variables that `docker inspect` may show."""
    files = {f"{name}_FILE": f"{SECRETS}/{name}" for name in secrets}
    return {
        **(files if launch.declaration.docker.secrets_as == "files" else {}),
        **launch.declaration.variables,
        "SLUICE_COMMIT": launch.release.commit,
        "SLUICE_RELEASE": launch.release.digest,
        "SLUICE_VERSION": launch.release.version,
        "SLUICE_ENVIRONMENT": launch.environment,
        launch.service.port_variable: str(launch.declaration.docker.port),
    }


def secret_files(launch: Launch, secrets: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of `/run/secrets`: one a secret, and the script that makes variables of them."""
    files = {name: value.encode() for name, value in secrets.items()}
    if secrets and launch.declaration.docker.secrets_as == "variables":
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in secrets.items()]
        files[SCRIPT] = "".join(lines).encode()
    return files


def spec(launch: Launch, secrets: Mapping[str, str], image: Facts, words: list[str], volume: str) -> Facts:
    """Return what the engine is asked for, ports and labels aside: closed but for what the environment opens."""
    docker = launch.declaration.docker
    config = image.get("Config") or {}
    command = words or [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    first = ["/bin/sh", "-c", WITH_VARIABLES, "sluice"] if secrets and docker.secrets_as == "variables" else []
    whole = [*first, *command] if first or words else []
    return {
        "Image": launch.release.reference,
        "Env": [f"{name}={value}" for name, value in plain_variables(launch, secrets).items()],
        **({"Entrypoint": whole[:1], "Cmd": whole[1:]} if whole else {}),
        **({"User": docker.user} if docker.user else {}),
        "StopTimeout": max(1, round(launch.service.stop_timeout)),
        "HostConfig": {**_limits(launch.declaration), **_closed(launch.declaration), **_secrets(volume)},
    }


def _limits(declaration: Environment) -> Facts:
    return {
        "Memory": declaration.memory,
        "MemorySwap": declaration.memory,
        "NanoCpus": round(declaration.cpu * 1e9),
        "PidsLimit": declaration.docker.pids,
        "LogConfig": LOGS,
    }


def _closed(declaration: Environment) -> Facts:
    docker = declaration.docker
    return {
        "ReadonlyRootfs": docker.read_only,
        "Tmpfs": dict.fromkeys(docker.writable, SCRATCH),
        "CapDrop": ["ALL"],
        "CapAdd": list(docker.capabilities),
        "SecurityOpt": [] if docker.new_privileges else ["no-new-privileges:true"],
    }


def _secrets(volume: str) -> Facts:
    options = {"NoCopy": True}
    mount = {"Type": "volume", "Source": volume, "Target": SECRETS, "ReadOnly": True, "VolumeOptions": options}
    return {"Mounts": [mount]} if volume else {}


def published(launch: Launch, port: int, network: str) -> Facts:
    """Return the part of a host configuration that publishes the service's port."""
    inside = f"{launch.declaration.docker.port}/tcp"
    binding = {"HostIp": launch.declaration.docker.publish, "HostPort": str(port)}
    return {"PortBindings": {inside: [binding]}, "NetworkMode": network}


def digest_of(image: Facts | None, replicas: ReplicaSet) -> str:
    """Return the digest of the image that a container runs, as the engine has it; "" when it has none any more."""
    names = (image or {}).get("RepoDigests") or ()
    digests = [name.rpartition("@")[2] for name in names if name.partition("@")[0] == replicas.release.repository]
    if replicas.release.digest in digests:
        return replicas.release.digest
    return digests[0] if digests else str((image or {}).get("Id", ""))


def drift(
    replicas: ReplicaSet, number: int, seen: Facts | None, secrets: Mapping[str, bytes] | None, image: Facts | None
) -> list[str]:
    """Return what a container has other than it was started with, in words that show no value.

    Args:
        image: the release's image as the engine has it; None when it has none any more.
    """
    if seen is None:
        return [f"replica {number}: its container is gone"]
    found = [*_variables(replicas, seen, image), *_host(replicas.declaration, seen), *_kept_secrets(replicas, secrets)]
    if image is not None:
        found += [*_image(seen, image), *_mounts(replicas, seen, image)]
    return [f"replica {number}: {problem}" for problem in found]


def _variables(replicas: ReplicaSet, seen: Facts, image: Facts | None) -> Iterator[str]:
    runs = _pairs(seen)
    asked = plain_variables(replicas, replicas.private or ())
    wanted = {**_pairs(image or {}), **asked} if image is not None else {**runs, **asked}
    for name in sorted(wanted.keys() | runs.keys()):
        if name not in wanted:
            yield f"variable {name} was added"
        elif runs.get(name) != wanted[name]:
            yield f"variable {name} is not as declared"


def _pairs(described: Facts) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in (described.get("Config") or {}).get("Env") or ())


def _image(seen: Facts, image: Facts) -> Iterator[str]:
    if seen["Image"] != image["Id"]:
        yield f"it runs image {seen['Image'][:19]} instead of {image['Id'][:19]}"


def _mounts(replicas: ReplicaSet, seen: Facts, image: Facts) -> Iterator[str]:
    wanted = {*((image.get("Config") or {}).get("Volumes") or ()), *replicas.declaration.docker.writable}
    wanted |= {SECRETS} if replicas.private else set()
    for mount in seen.get("Mounts") or ():
        if mount["Destination"] not in wanted:
            yield f"{mount['Destination']} was mounted into it"


def _host(declaration: Environment, seen: Facts) -> list[str]:
    host, wanted = seen["HostConfig"], {**_limits(declaration), **_closed(declaration), **OPEN}
    names = ("Memory", "NanoCpus", "PidsLimit", "ReadonlyRootfs", "CapDrop", "CapAdd", "SecurityOpt", *OPEN)
    told = [
        f"{name} {host.get(name)} instead of {wanted[name]}"
        for name in names
        if (host.get(name) or None) != (wanted[name] or None)
    ]
    more = sorted(set(seen["NetworkSettings"]["Networks"]) - {host["NetworkMode"]})
    return [*told, *(f"it is in network {name} too" for name in more)]


def _kept_secrets(replicas: ReplicaSet, secrets: Mapping[str, bytes] | None) -> list[str]:
    if not replicas.private:
        return []
    values = {name: (secrets or {}).get(name, b"").decode("utf-8", "replace") for name in replicas.private}
    if configuration_of(replicas.service, replicas.declaration, values) == replicas.configuration:
        return []
    return ["its secrets are not those that it was deployed with"]
