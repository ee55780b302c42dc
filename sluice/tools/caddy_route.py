"""A route: a port on 127.0.0.1 in front of the replicas of a release, and the server of Caddy that it is.

Which addresses the requests go to is in small files that Caddy reads at each request, so that changing them is one
rename of a symbolic link. The server's configuration stays the same from release to release, with a share of the
requests going to other addresses or without: each is drawn by its random id.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

SLOTS = 12  # upstreams of a route, shared evenly by 1, 2, 3, 4, 6 and 12 replicas
TRY_SECONDS = 5.0  # how long a user's request looks for a replica that takes it
CANDIDATE_TRY_SECONDS = 0.2  # a smoke test's: its replicas were healthy a moment ago, a broken answer is the answer
FAIL_SECONDS = 2  # how long a replica that refused a connection is left out
IDLE_MILLISECONDS = 250  # after it, an open connection to a replica means an open request
ASIDE, SHARE = "aside", "share"  # of a route's folder: the upstreams for a share of the requests, and that share
HANDLER, ASIDE_HANDLER = "reverse_proxy", "subroute"  # the outermost ones, which Caddy counts requests by
PROBE, ANSWERED_BY = "X-Sluice-Probe", "X-Sluice-Upstream"


@dataclass(frozen=True)
class Route:
    """One address in front of the replicas of a release.

    Attributes:
        name: name of the server in Caddy's configuration; unique.
        port: port on 127.0.0.1 that it listens on.
        folder: where the addresses of its upstreams are; `current` in it is what counts.
        try_seconds: how long a request is sent again after a replica broke it off.
    """

    name: str
    port: int
    folder: Path
    try_seconds: float = TRY_SECONDS

    @property
    def address(self) -> str:
        """URL of the route."""
        return f"http://127.0.0.1:{self.port}"

    def point(self, upstreams: Sequence[str], aside: Sequence[str] = (), percent: float = 0.0) -> None:
        """Send new requests to these `host:port` addresses; the ones under way stay where they are.

        Args:
            upstreams: where they go.
            aside: where `percent` of them go instead; without it the same, for a request that had been sent there.
            percent: of the requests, each by lot.
        """
        fresh = self.folder / uuid4().hex[:12]
        (fresh / ASIDE).mkdir(parents=True, mode=0o700)
        for folder, addresses in ((fresh, upstreams), (fresh / ASIDE, aside or upstreams)):
            for slot in range(max(SLOTS, len(addresses))):
                (folder / str(slot)).write_text(addresses[slot % len(addresses)])
        (fresh / SHARE).write_text(f"{round(percent / 100 * 2**32):08x}" if aside else "")
        link = self.folder / f"{fresh.name}.link"
        link.symlink_to(fresh.name)
        link.replace(self.folder / "current")
        for old in self.folder.iterdir():
            if old.is_symlink() and old.name != "current":
                old.unlink()
            elif old.name not in ("current", fresh.name):
                shutil.rmtree(old)

    def upstreams(self) -> tuple[str, ...]:
        """Return the `host:port` addresses that new requests are sent to; empty when they are sent nowhere."""
        try:
            return tuple(sorted({slot.read_text() for slot in (self.folder / "current").glob("[0-9]*")}))
        except OSError:
            return ()

    def is_split(self) -> bool:
        """Tell whether a share of the requests goes to other addresses than :meth:`upstreams`."""
        with suppress(OSError):
            return (self.folder / "current" / SHARE).read_text() != ""
        return False

    def close(self) -> None:
        """Send new requests nowhere: they get status 502."""
        with suppress(FileNotFoundError):
            (self.folder / "current").unlink()


def server_of(route: Route) -> dict[str, Any]:
    slots = max(SLOTS, len(route.upstreams()))
    tell = {"response": {"set": {ANSWERED_BY: ["{http.reverse_proxy.upstream.hostport}"]}}}
    nobody = {
        "handler": "static_response",
        "status_code": "{http.error.status_code}",
        "headers": {"Retry-After": ["5"]},
        "body": f"no release of {route.name} answers\n",
    }
    return {
        "automatic_https": {"disable": True},
        "errors": {"routes": [{"handle": [nobody]}]},
        "listen": [f"127.0.0.1:{route.port}"],
        "routes": [
            {"handle": [_proxy(route, slots, tell)], "match": [{"header": {PROBE: ["*"]}}]},
            {"handle": [_aside(route, slots)], "match": [{"expression": _lot(route)}]},
            {"handle": [_proxy(route, slots, {})]},
        ],
    }


def _lot(route: Route) -> str:
    """Return the condition of Caddy (CEL) that a request's random id is below the share, which a file holds."""
    share = json.dumps(f"file.{route.folder}/current/{SHARE}")
    return f'[ph(req, {share})].exists(share, share != null && ph(req, "http.request.uuid") < share)'


def _aside(route: Route, slots: int) -> dict[str, Any]:
    """Return a proxy to the upstreams aside, in a handler of another name, so that Caddy counts it by itself."""
    return {"handler": ASIDE_HANDLER, "routes": [{"handle": [_proxy(route, slots, {}, f"{ASIDE}/")]}]}


def _proxy(route: Route, slots: int, headers: dict[str, Any], folder: str = "") -> dict[str, Any]:
    return {
        "handler": HANDLER,
        "headers": {"request": {"set": {"X-Request-Id": ["{http.request.uuid}"]}}, **headers},
        "health_checks": {"passive": {"fail_duration": f"{FAIL_SECONDS}s", "max_fails": 1}},
        "load_balancing": {
            # A refused connection goes to the next replica; a broken one too, when asking twice does no harm.
            "retry_match": [{"method": ["GET", "HEAD", "OPTIONS"]}],
            "selection_policy": {"policy": "round_robin"},
            "try_duration": f"{route.try_seconds:g}s",
            "try_interval": "50ms",
        },
        "stream_close_delay": "30s",
        "transport": {"keep_alive": {"idle_timeout": f"{IDLE_MILLISECONDS}ms"}, "protocol": "http"},
        "upstreams": [{"dial": f"{{file.{route.folder}/current/{folder}{slot}}}"} for slot in range(slots)],
    }
