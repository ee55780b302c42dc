"""One replica: what it starts with, and what can be seen of it while it runs."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Collection, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from sluice.config.model import Environment, Service
from sluice.process_tree import family
from sluice.targets.base import Launch, ReplicaSet

INHERITED = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
GIVEN = (*INHERITED, "PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROBE_SECONDS = 2.0
NOT_OF_REPLICAS = {"smoke", "protected", "promote_from", "approvers", "approve_within", "freeze", "watch"}
NOT_OF_REPLICAS |= {"strategy", "canary", "migrate"}


def environment_of(launch: Launch, secrets: Mapping[str, str], port: int) -> dict[str, str]:
    """Return the whole environment of a replica; nothing of ours but a locale and a home is handed on."""
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "PATH": search_path(Path(launch.python) if launch.python else None),
        "PYTHONUNBUFFERED": "1",  # the last lines of a replica that dies must be in its log
        "PYTHONDONTWRITEBYTECODE": "1",  # replicas share the unpacked release and leave it as it is
        **launch.declaration.variables,
        **secrets,
        "SLUICE_COMMIT": launch.release.commit,
        "SLUICE_RELEASE": launch.release.digest,
        "SLUICE_VERSION": launch.release.version,
        "SLUICE_ENVIRONMENT": launch.environment,
        launch.service.port_variable: str(port),
    }


def search_path(python: Path | None) -> str:
    """Return the PATH of a replica: the release's own environment first."""
    return os.pathsep.join([*([str(python.parent)] if python is not None else []), SYSTEM_PATH])


def command_of(launch: Launch, port: int) -> list[str]:
    """Return the words of the service's command with `{port}` replaced."""
    return [word.replace("{port}", str(port)) for word in launch.service.command]


def configuration_of(service: Service, declaration: Environment, secrets: Mapping[str, str]) -> str:
    """Return a digest of command, variables, limits and secrets: it changes when a new start would differ.

    Secrets go in keyed by one another, so that no single weak one can be guessed from the digest.
    """
    declared = {
        "service": service.model_dump(mode="json", exclude_defaults=True),  # a later Sluice may know more fields
        "declaration": declaration.model_dump(mode="json", exclude=NOT_OF_REPLICAS, exclude_defaults=True),
    }
    key = json.dumps(dict(sorted(secrets.items()))).encode()
    return hmac.new(key, json.dumps(declared, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def command_line(pid: int) -> bytes:
    """Return the command lines of process `pid` and its descendants: every user of the machine can read them."""
    lines = []
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            lines.append(" ".join(process.cmdline()).encode("utf-8", "surrogateescape"))
    return b"\n".join(lines)


def listens(pid: int, port: int) -> bool:
    """Tell whether process `pid` or a descendant is who listens on `port` (another program there proves nothing)."""
    return _sockets(pid, port, psutil.CONN_LISTEN) > 0


def connections(pid: int, port: int) -> int:
    """Return how many connections clients hold to `port` of process `pid` and its descendants."""
    return _sockets(pid, port, psutil.CONN_ESTABLISHED)


def connections_to(host: str, ports: Collection[int]) -> int:
    """Return how many connections programs of this machine, the proxy among them, hold to these ports of `host`."""
    theirs = [each.raddr for each in psutil.net_connections(kind="tcp") if each.status == psutil.CONN_ESTABLISHED]
    return sum(tuple(far)[:1] == (host,) and tuple(far)[1] in ports for far in theirs)


def _sockets(pid: int, port: int, status: str) -> int:
    found = set()
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            for each in process.net_connections(kind="tcp"):
                if each.status == status and each.laddr.port == port:
                    found.add((each.laddr, each.raddr))  # processes of one family may share a socket
    return len(found)


def answers(port: int, health: str, host: str = "127.0.0.1") -> str:
    """Return "" when `health` answers 200 on `port`, else what came instead."""
    connection = HTTPConnection(host, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", health)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    return "" if status == 200 else f"status {status}"


def release_digest(pid: int, replicas: ReplicaSet) -> str:
    """Return the digest of the release that process `pid` runs, read from the process; "" when it cannot be told.

    A process may have overwritten its environment (setproctitle does); its working directory then tells.
    """
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            digest = process.environ().get("SLUICE_RELEASE", "")
            if digest:
                return digest
            if process.cwd() == replicas.path:
                return replicas.release.digest
    return ""
