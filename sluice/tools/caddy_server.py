"""The server of Caddy that a route is; its configuration stays the same from release to release.

Each request is drawn by its random id when a share of them goes aside. What a release fails while it is judged, the
release before it answers: a request that may be sent twice (GET, HEAD or OPTIONS without a body) is sent to that one
when the new one breaks it off or says 500 and above. Caddy counts it as failed all the same, for it counts what the
route's first handler made of it, and the errors' routes come after that.
"""

from __future__ import annotations

import json
from typing import Any

from sluice.tools.caddy_route import ASIDE, MARK, SHARE, SHORT_TRY_SECONDS, SLOTS, STANDBY, WATCHED, YES, Route

Json = dict[str, Any]

FAIL_SECONDS = 2  # how long a replica that refused a connection is left out
IDLE_MILLISECONDS = 250  # after it, an open connection to a replica means an open request
# The outermost handlers, which Caddy counts requests by: of the release that serves, of one that is watched, and aside.
HANDLER, WATCHED_HANDLER, ASIDE_HANDLER = "reverse_proxy", "vars", "subroute"
PROBE, ANSWERED_BY = "X-Sluice-Probe", "X-Sluice-Upstream"
TWICE: Json = {"method": ["GET", "HEAD", "OPTIONS"]}  # asking twice does no harm
BARE: Json = {**TWICE, "not": [{"header": {"Content-Length": ["*"]}}]}  # nor is there a body, which is gone once sent
FROM = "sluice_from"  # a variable of a request: which upstreams it was sent to, when others may answer it


def server_of(route: Route) -> Json:
    """Return the server for Caddy's configuration."""
    proxies = _Proxies(route)
    tell = {"response": {"set": {ANSWERED_BY: ["{http.reverse_proxy.upstream.hostport}"]}}}
    aside, watched = ([{"handler": "vars", FROM: name}, proxies.judged(f"{name}/")] for name in (ASIDE, WATCHED))
    return {
        "automatic_https": {"disable": True},
        "errors": {
            "routes": [
                {"handle": [proxies.plain()], "match": [_failed(ASIDE)]},
                {"handle": [proxies.plain(f"{STANDBY}/")], "match": [_failed(WATCHED)]},
                {"handle": [_nobody(route)]},
            ]
        },
        "listen": [f"127.0.0.1:{route.port}"],
        "routes": [
            {"handle": [proxies.plain(headers=tell)], "match": [{"header": {PROBE: ["*"]}}]},
            {
                "handle": [{"handler": ASIDE_HANDLER, "routes": [{"handle": aside}]}],
                "match": [{"expression": _file(route, SHARE, 'ph(req, "http.request.uuid") < it')}],
            },
            {"handle": watched, "match": [{"expression": _file(route, MARK, f'it == "{YES}"')}]},
            {"handle": [proxies.plain()]},
        ],
    }


def _file(route: Route, name: str, condition: str) -> str:
    """Return the condition of Caddy (CEL) that a file of the route is there, and `it`, its content, is as wanted."""
    content = json.dumps(f"file.{route.folder}/current/{name}")
    return f"[ph(req, {content})].exists(it, it != null && {condition})"


def _failed(name: str) -> Json:
    """Return what a request is like that upstreams `name` failed, and that may be sent to others."""
    return {**BARE, "vars": {FROM: [name]}}


def _nobody(route: Route) -> Json:
    return {
        "handler": "static_response",
        "status_code": "{http.error.status_code}",
        "headers": {"Retry-After": ["5"]},
        "body": f"no release of {route.name} answers\n",
    }


class _Proxies:
    """Makes handlers that send a request to the upstreams in a folder of the route."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.slots = max(SLOTS, len(route.upstreams()))

    def judged(self, folder: str) -> Json:
        """Return one that gives a failed request up soon, and to the errors' routes when it may be sent twice."""
        fail = {"handler": "error", "status_code": "{http.reverse_proxy.status_code}"}
        again = {"match": [BARE], "handle": [fail]}
        answer = {"match": {"status_code": [5]}, "routes": [again, {"handle": [{"handler": "copy_response"}]}]}
        return {**self.plain(folder, seconds=SHORT_TRY_SECONDS), "handle_response": [answer]}

    def plain(self, folder: str = "", headers: Json | None = None, seconds: float | None = None) -> Json:
        """Return one that hands on what it gets."""
        path = f"{self.route.folder}/current/{folder}"
        return {
            "handler": HANDLER,
            "headers": {"request": {"set": {"X-Request-Id": ["{http.request.uuid}"]}}, **(headers or {})},
            "health_checks": {"passive": {"fail_duration": f"{FAIL_SECONDS}s", "max_fails": 1}},
            "load_balancing": {
                # A refused connection goes to the next replica; a broken one too, when asking twice does no harm.
                "retry_match": [TWICE],
                "selection_policy": {"policy": "round_robin"},
                "try_duration": f"{seconds or self.route.try_seconds:g}s",
                "try_interval": "50ms",
            },
            "stream_close_delay": "30s",
            "transport": {"keep_alive": {"idle_timeout": f"{IDLE_MILLISECONDS}ms"}, "protocol": "http"},
            "upstreams": [{"dial": f"{{file.{path}{slot}}}"} for slot in range(self.slots)],
        }
