"""A Docker engine: which one, the connection to it, and what goes wrong with it as named errors.

Builds and the target `docker` open their engines here.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from docker import APIClient, DockerClient
from docker.errors import APIError, DockerException, StreamParseError
from docker.tls import TLSConfig
from docker.transport.unixconn import UnixHTTPConnection
from requests.exceptions import RequestException

from sluice.config.docker import EngineSsh, EngineTls, usual_engine
from sluice.errors import InfrastructureError, TransientError
from sluice.tools.docker.tunnel import SshDownError, Tunnel

SECONDS = 120.0  # of one request; a build streams, so that the limit is between two lines
PROBE_SECONDS = 5.0
FULL = "no space left on device"
_UNHEARD = (RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError, StreamParseError)


class EngineDownError(TransientError):
    """No Docker engine answers where one was named."""

    code = "ENGINE_DOWN"
    next_step = (
        "Start the engine, or name another (DOCKER_HOST, `docker.engine`); what served keeps its place. "
        "`sluice doctor` shows what is found."
    )


class EngineTlsError(InfrastructureError):
    """The engine's certificate is not of the declared authority, or ours is not of the engine's."""

    code = "ENGINE_TLS"
    next_step = "Look at `docker.tls`: `ca` signed the engine's certificate, and the engine believes who signed `cert`."


class EngineRefusedError(InfrastructureError):
    """The engine refused what was asked for."""

    code = "ENGINE_REFUSED"


class EngineFullError(InfrastructureError):
    """The disk of the engine's own data is full."""

    code = "ENGINE_DISK_FULL"
    next_step = "Make room where the engine keeps its data (`docker system df`); what served keeps its place."


def version() -> str | None:
    """Return the version of the engine; None when none answers."""
    try:
        with engine(timeout=PROBE_SECONDS) as client:
            return str(client.version()["Version"])
    except InfrastructureError:
        return None


@contextmanager
def engine(timeout: float = SECONDS) -> Iterator[DockerClient]:
    """Open a connection to the engine that builds; what goes wrong with it becomes an error that says where.

    Raises:
        EngineDownError: it does not answer.
        EngineRefusedError, EngineFullError: it refuses what is asked for.
    """
    where = usual_engine()
    client = connect(where, timeout=timeout)
    try:
        with told(where):
            yield client
    finally:
        client.close()


def connect(
    where: str, tls: EngineTls | None = None, timeout: float = SECONDS, ssh: EngineSsh | None = None
) -> DockerClient:
    """Return a client of an engine that answers; every request of it has a time limit.

    Raises:
        EngineDownError: it does not answer.
        EngineTlsError: one of us does not believe the other's certificate.
        HostKeyError, SshRefusedError, SshDownError: there is no way to its machine.
    """
    config = TLSConfig(client_cert=(tls.cert, tls.key), ca_cert=tls.ca, verify=True) if tls else None
    client = DockerClient.__new__(DockerClient)  # its own way to its `api` is the SDK's class alone
    tunnel = Tunnel(where, ssh) if where.startswith("ssh://") else None
    address = f"unix://{tunnel.socket}" if tunnel else where
    try:
        client.api = Api(base_url=address, version="auto", timeout=timeout, tls=config)
        client.api.tunnel = tunnel
        return client
    except (DockerException, RequestException, OSError, ValueError) as error:
        if tunnel is not None:
            words = tunnel.words()
            tunnel.close()
            raise SshDownError("the engine's machine does not lead on to it", where=where, found=words) from error
        chain = _chain(error)
        refused = [each for each in chain if isinstance(each, ssl.SSLError | urllib3.exceptions.SSLError)]
        if refused:
            raise EngineTlsError("no trust between the Docker engine and us", where=where, found=refused[-1]) from error
        raise EngineDownError("the Docker engine does not answer", where=where, found=chain[-1]) from error


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what was before it; the first of all, at the end, is the shortest to tell."""
    below = error.__cause__ or error.__context__
    return [error, *(_chain(below) if below is not None else ())]


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what the SDK raises into errors that say where.

    Raises:
        EngineDownError: it went away, or takes too long.
        EngineRefusedError, EngineFullError: it refuses what is asked for.
    """
    try:
        yield
    except APIError as error:
        raise refusal(where, str(error.explanation or error)) from error
    except (DockerException, *_UNHEARD) as error:
        raise EngineDownError("the Docker engine went away, or hangs", where=where, found=error) from error


def full(where: str, words: str) -> EngineFullError:
    """Return the error of an engine that says that its disk is full."""
    return EngineFullError("the Docker engine has no room for its data", where=where, found=words)


def refusal(where: str, words: str) -> InfrastructureError:
    """Return the error that the engine's own words are."""
    if FULL in words.lower():
        return full(where, words)
    return EngineRefusedError("the Docker engine refused", where=where, next_step=f"The engine says: {words}")


class Api(APIClient):  # type: ignore[misc]
    """The SDK's client, but it believes the declared authority: `requests` lets REQUESTS_CA_BUNDLE overrule it.

    The SDK's own way over ssh takes a package more, and one `docker` and one login there for each connection.
    """

    tunnel: Tunnel | None = None

    @property
    def alive(self) -> bool:
        """Tell whether the way to the engine still stands."""
        return self.tunnel is None or self.tunnel.alive

    def close(self) -> None:
        """Close the connections, and the way that was made for them."""
        super().close()
        if self.tunnel is not None:
            self.tunnel.close()

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        return super().merge_environment_settings(url, proxies, stream, self.verify if verify is None else verify, cert)


def _connect(self: UnixHTTPConnection) -> None:
    """Connect as the SDK does, and close the socket when that fails: the SDK leaves it to the garbage collector."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(self.timeout)
    try:
        sock.connect(self.unix_socket)
    except OSError:
        sock.close()
        raise
    self.sock = sock


UnixHTTPConnection.connect = _connect
