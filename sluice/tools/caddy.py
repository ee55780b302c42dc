"""Caddy, the proxy before each environment, through its admin API.

One server of Caddy's configuration is one route: a fixed port on 127.0.0.1 in front of the replicas of one release.
Pointing a route elsewhere is one change of configuration: requests that run stay where they are, new ones go to the
new replicas.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from sluice.errors import InfrastructureError
from sluice.targets.ports import is_free

SERVERS = "/config/apps/http/servers"
TRY_SECONDS = 5  # how long a request looks for a replica that takes it
FAIL_SECONDS = 2  # how long a replica that refused a connection is left out
TIMEOUT = httpx.Timeout(10.0)


class ProxyError(InfrastructureError):
    """The proxy is down, or did not take a change."""

    code = "PROXY"


@dataclass(frozen=True)
class Route:
    """One address in front of the replicas of a release.

    Attributes:
        name: name of the server in Caddy's configuration; unique.
        port: port on 127.0.0.1 that it listens on.
        health: path that the proxy itself asks to find replicas that hang.
        drain_seconds: how long streams and web sockets live on after a switch.
    """

    name: str
    port: int
    health: str = "/"
    drain_seconds: float = 10.0

    @property
    def address(self) -> str:
        """URL of the route."""
        return f"http://127.0.0.1:{self.port}"


class Caddy:
    """A running Caddy, spoken to at its admin address, e.g. `http://127.0.0.1:2019`."""

    def __init__(self, admin: str) -> None:
        self.admin = admin.rstrip("/")

    def point(self, route: Route, upstreams: Sequence[str]) -> None:
        """Send what comes to `route` to these `host:port` addresses (none: 503), and read back that it is so.

        Raises:
            ProxyError: `PROXY_DOWN`, `PORT_TAKEN`, `PROXY_REFUSED`, `PROXY_NOT_SWITCHED`.
        """
        present = self._server(route.name)
        if present is None or present.get("listen") != [f"127.0.0.1:{route.port}"]:
            _refuse_taken(route)  # Caddy itself would share a port with another Caddy
        if present is None:
            self._prepare()
        self._ask("PUT" if present is None else "PATCH", f"{SERVERS}/{route.name}", _server(route, upstreams))
        found = self.upstreams(route.name)
        if sorted(found) != sorted(upstreams):
            raise ProxyError(
                f"the proxy does not send {route.name} where it was told to",
                code="PROXY_NOT_SWITCHED",
                found=", ".join(found),
                allowed=", ".join(upstreams) or "nothing",
            )

    def upstreams(self, name: str) -> tuple[str, ...]:
        """Return the `host:port` addresses that the proxy sends `name` to; empty when it sends it nowhere."""
        server = self._server(name) or {}
        handlers = [handler for route in server.get("routes", []) for handler in route.get("handle", [])]
        return tuple(u["dial"] for handler in handlers for u in handler.get("upstreams", []))

    def port(self, name: str) -> int | None:
        """Return the port that route `name` listens on; None when there is no such route."""
        server = self._server(name)
        return int(server["listen"][0].rpartition(":")[2]) if server else None

    def open_requests(self, upstreams: Collection[str]) -> int:
        """Return how many requests run at these addresses now, those from before a switch included."""
        answer = self._ask("GET", "/reverse_proxy/upstreams").json() or []
        return sum(int(entry["num_requests"]) for entry in answer if entry["address"] in upstreams)

    def remove(self, name: str) -> None:
        """Remove route `name`; nothing happens when there is none."""
        if self._server(name) is not None:
            self._ask("DELETE", f"{SERVERS}/{name}")

    def names(self) -> tuple[str, ...]:
        """Return the names of all routes."""
        return tuple(self._servers())

    def _server(self, name: str) -> dict[str, Any] | None:
        found = self._servers().get(name)
        return found if isinstance(found, dict) else None

    def _servers(self) -> dict[str, Any]:
        apps = self._ask("GET", "/config/apps").json() or {}
        servers = apps.get("http", {}).get("servers") or {}
        return dict(servers)

    def _prepare(self) -> None:
        """Make the places of the configuration that a bare Caddy does not have yet."""
        config = self._ask("GET", "/config/").json() or {}
        if "apps" not in config:
            self._ask("POST", "/config/apps", {})
        if "http" not in config.get("apps", {}):
            self._ask("POST", "/config/apps/http", {})
        if not config.get("apps", {}).get("http", {}).get("servers"):
            self._ask("POST", SERVERS, {})

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            # verify: plain HTTP on the loopback; loading certificates would take longer than the request
            with httpx.Client(base_url=self.admin, timeout=TIMEOUT, trust_env=False, verify=False) as client:  # noqa: S501
                answer = client.request(method, path, json=body) if method != "GET" else client.get(path)
        except httpx.TransportError as error:
            raise ProxyError(
                "the proxy's admin address does not answer",
                code="PROXY_DOWN",
                where=self.admin,
                found=error,
                next_step="`sluice up` starts it again; what served keeps its place. Then run again.",
            ) from error
        if answer.is_error:
            raise ProxyError(
                "the proxy refused a change",
                code="PROXY_REFUSED",
                where=f"{method} {path}",
                found=answer.text,
            )
        return answer


def _refuse_taken(route: Route) -> None:
    if not is_free(route.port):
        raise ProxyError(
            f"port {route.port} of {route.name} is taken by another program",
            code="PORT_TAKEN",
            where="127.0.0.1",
            found=route.port,
            next_step="Stop that program, or declare another `port` for the environment.",
        )


def _server(route: Route, upstreams: Sequence[str]) -> dict[str, Any]:
    handler = _proxy(route, upstreams) if upstreams else _nothing(route)
    return {
        "listen": [f"127.0.0.1:{route.port}"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [handler]}],
    }


def _nothing(route: Route) -> dict[str, Any]:
    body = f"no release serves {route.name}\n"
    return {"handler": "static_response", "status_code": 503, "body": body, "headers": {"Retry-After": ["5"]}}


def _proxy(route: Route, upstreams: Sequence[str]) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": upstream} for upstream in upstreams],
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            # A refused connection goes to the next replica; a broken one too, when asking twice does no harm.
            "try_duration": f"{TRY_SECONDS}s",
            "try_interval": "50ms",
            "retry_match": [{"method": ["GET", "HEAD", "OPTIONS"]}],
        },
        "health_checks": {
            "passive": {"fail_duration": f"{FAIL_SECONDS}s", "max_fails": 1},
            "active": {"uri": route.health, "interval": "5s", "timeout": "5s", "fails": 3, "expect_status": 2},
        },
        "stream_close_delay": f"{route.drain_seconds}s",
        "headers": {"request": {"set": {"X-Request-Id": ["{http.request.uuid}"]}}},
    }
