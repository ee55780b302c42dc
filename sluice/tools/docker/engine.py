"""Which Docker engine is used, and whether it answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from docker import DockerClient
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from sluice.errors import SluiceError, TransientError

DEFAULT = "unix:///var/run/docker.sock"
SECONDS = 120.0  # of one request; a build streams, so that the limit is between two lines
PROBE_SECONDS = 5.0


class EngineGoneError(TransientError):
    """No Docker engine answers where one was named."""

    code = "ENGINE_GONE"
    next_step = "Start the engine, or name another in DOCKER_HOST; `sluice doctor` shows what is found."


class EngineError(SluiceError):
    """The engine refused what was asked for."""

    code = "ENGINE_REFUSED"


def address() -> str:
    """Return the address of the engine: what DOCKER_HOST names, else the usual socket."""
    return os.environ.get("DOCKER_HOST") or DEFAULT


def version() -> str | None:
    """Return the version of the engine; None when none answers."""
    try:
        with engine(timeout=PROBE_SECONDS) as client:
            return str(client.version()["Version"])
    except SluiceError:
        return None


@contextmanager
def engine(url: str | None = None, timeout: float = SECONDS) -> Iterator[DockerClient]:
    """Open a connection to an engine; what goes wrong with it becomes an error that says where.

    Raises:
        EngineGoneError: it does not answer.
        EngineError: it refuses what is asked for.
    """
    where = url or address()
    try:
        _knock(where)
        client = DockerClient(base_url=where, version="auto", timeout=timeout)
    except (DockerException, RequestException, OSError, ValueError) as error:
        raise EngineGoneError("the Docker engine does not answer", where=where, found=error) from error
    try:
        yield client
    except APIError as error:
        raise EngineError("the Docker engine refused", where=where, found=error.explanation or error) from error
    except (RequestException, OSError) as error:
        raise EngineGoneError("the Docker engine went away", where=where, found=error) from error
    finally:
        client.close()


def _knock(url: str) -> None:
    """Connect once by ourselves: the SDK leaves sockets open that do not connect."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_SECONDS)
            probe.connect(url.removeprefix("unix://"))
