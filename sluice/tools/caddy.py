"""Caddy, the proxy before each environment: configured through its admin API, switched without it.

A route is a port on 127.0.0.1 in front of the replicas of one release. Caddy reads the address of each upstream from a
small file *at each request*, so a switch is one rename of a symbolic link and no change of configuration. A change
would cost requests: Caddy then opens a second listening socket, closes the first, and the kernel resets the connections
that wait in it (measured on a busy machine: 7 to 103 of about 2,000 requests over 60 switches; by files: none).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any

import httpx

from sluice.errors import InfrastructureError
from sluice.targets.ports import is_free
from sluice.tools.caddy_metrics import Traffic, traffic
from sluice.tools.caddy_route import SLOTS, Route
from sluice.tools.caddy_server import ANSWERED_BY, ASIDE_HANDLER, HANDLER, PROBE, WATCHED_HANDLER, server_of

SECONDS = 10.0
TIMEOUT = httpx.Timeout(SECONDS)
ATTEMPTS = 5
ROUNDS = 3  # of requests to a route, when some got no answer: a busy machine lets them wait, too


class ProxyError(InfrastructureError):
    """The proxy is down, or did not take a change."""

    code = "PROXY"


class Caddy:
    """A running Caddy, spoken to at its admin address, e.g. `http://127.0.0.1:2019`."""

    def __init__(self, admin: str) -> None:
        self.admin = admin.rstrip("/")

    def ensure(self, routes: Sequence[Route]) -> bool:
        """Make sure that these routes are in Caddy's configuration; return whether it had to be changed.

        Raises:
            ProxyError: `PROXY_DOWN`, `PORT_TAKEN`, `PROXY_REFUSED`.
        """
        wanted = {route.name: server_of(route) for route in routes}
        for _ in range(ATTEMPTS):
            servers, tag = self._servers()
            if all(servers.get(name) == server for name, server in wanted.items()) and self._counts():
                return False
            for route in routes:
                if servers.get(route.name, {}).get("listen") != wanted[route.name]["listen"]:
                    _refuse_taken(route)  # Caddy itself would share a port with another Caddy
            if self._put({**servers, **wanted}, tag):
                return True
        raise ProxyError("the proxy's configuration is changed by somebody else all the time", code="PROXY_REFUSED")

    def port(self, name: str) -> int | None:
        """Return the port that route `name` listens on; None when there is no such route."""
        server = self._servers()[0].get(name)
        return int(server["listen"][0].rpartition(":")[2]) if server else None

    def remove(self, names: Sequence[str]) -> None:
        """Take routes out of the configuration; nothing happens when they are not there."""
        for _ in range(ATTEMPTS):
            servers, tag = self._servers()
            kept = {name: server for name, server in servers.items() if name not in names}
            if kept == servers or self._put(kept, tag):
                return

    def answered_by(self, route: Route, path: str) -> tuple[str, ...]:
        """Return the distinct `host:port` that answer one round of requests to `path`; `status NNN` for a refusal.

        A round in which a request got no answer is begun again; what the last one saw is told. When the proxy itself
        says that nobody answers, it has waited for all of them: it is not asked again.
        """
        asked = httpx.URL(route.address + path).raw_path.decode()
        slots = max(SLOTS, len(route.upstreams()))
        # Not httpx: a deploy asks some 36 times, and it takes five times the CPU of this for each.
        with closing(HTTPConnection("127.0.0.1", route.port, timeout=SECONDS)) as connection:
            for again in reversed(range(ROUNDS)):
                told, whole = _round(connection, asked, slots, patient=not again)
                if whole:
                    break
        return tuple(sorted(told))

    def traffic(self, server: str) -> tuple[Traffic, Traffic]:
        """Return what was counted of one server since the proxy began: requests that went aside come second."""
        text = self._ask("GET", "/metrics").text
        return traffic(text, server, HANDLER, WATCHED_HANDLER), traffic(text, server, ASIDE_HANDLER)

    def _counts(self) -> bool:
        return self._ask("GET", "/config/apps/http/metrics").json() is not None

    def _servers(self) -> tuple[dict[str, Any], str]:
        answer = self._ask("GET", "/config/apps")
        servers = ((answer.json() or {}).get("http") or {}).get("servers") or {}
        return dict(servers), answer.headers.get("Etag", "")

    def _put(self, servers: dict[str, Any], tag: str) -> bool:
        """Replace all servers in one change, unless somebody was quicker (False)."""
        apps = self._ask("GET", "/config/apps").json() or {}
        http = {**apps.get("http", {}), "servers": servers, "metrics": {}}
        answer = self._ask("POST", "/config/apps", {**apps, "http": http}, {"If-Match": tag})
        return answer.status_code != httpx.codes.PRECONDITION_FAILED

    def _ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            # verify: plain HTTP on the loopback; loading certificates would take longer than the request
            with httpx.Client(base_url=self.admin, timeout=TIMEOUT, trust_env=False, verify=False) as client:  # noqa: S501
                answer = client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise ProxyError(
                "the proxy's admin address does not answer",
                code="PROXY_DOWN",
                where=self.admin,
                found=error,
                next_step="`sluice up` starts it again; what served keeps its place. Then run again.",
            ) from error
        if answer.is_error and answer.status_code != httpx.codes.PRECONDITION_FAILED:
            raise ProxyError(
                "the proxy refused a change", code="PROXY_REFUSED", where=f"{method} {path}", found=answer.text
            )
        return answer


class _NobodyError(Exception):
    """The proxy answers itself, for nobody behind it does."""


def _refuse_taken(route: Route) -> None:
    if not is_free(route.port):
        raise ProxyError(
            f"port {route.port} of {route.name} is taken by another program",
            code="PORT_TAKEN",
            where="127.0.0.1",
            found=route.port,
            next_step="Stop that program, or declare another `port` for the environment.",
        )


def _round(connection: HTTPConnection, path: str, count: int, *, patient: bool) -> tuple[set[str], bool]:
    """Return who answers so many requests, and whether each got an answer; only the patient go on after one without."""
    told, whole = set(), True
    for _ in range(count):
        try:
            told.add(_who(connection, path))
        except _NobodyError as nobody:
            return {*told, str(nobody)}, True
        except (OSError, HTTPException) as error:
            connection.close()
            told.add(type(error).__name__)
            whole = False
            if not patient:
                break
    return told, whole


def _who(connection: HTTPConnection, path: str) -> str:
    """Return who answers a request; the connection serves the next one too."""
    connection.request("GET", path, headers={PROBE: "1"})
    answer = connection.getresponse()
    answer.read()
    told = answer.headers.get(ANSWERED_BY)
    if answer.status == httpx.codes.OK:
        return told or "unknown"
    if told is None:
        raise _NobodyError(f"status {answer.status}")
    return f"status {answer.status}"
