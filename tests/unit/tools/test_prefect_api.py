from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sluice.errors import UsageError
from sluice.services.addresses import Addresses
from sluice.tools.prefect_api import PrefectApi, PrefectDownError, PrefectError

Handler = Callable[[httpx.Request], httpx.Response]


def api(handler: Handler) -> PrefectApi:
    """The client before a server in this process: requests and answers are real, the wire is not."""
    addresses = Addresses(
        database_url="",
        prefect_database_url=None,
        prefect_api_url="http://127.0.0.1:1/api",
        prefect_ui_url="http://127.0.0.1:1",
        prefect_auth="user:pa55",
        caddy_admin="",
        supervisor_socket=Path("s"),
        warm_socket=Path("w"),
        worker_socket=Path("/nonexistent/worker"),
        postgres_port=None,
        prefect_port=1,
        caddy_port=2,
    )
    made = PrefectApi(addresses)
    made._client.close()
    made._client = httpx.Client(transport=httpx.MockTransport(handler), auth=("user", "pa55"))
    return made


class Server:
    """Prefect as far as these requests go: it wants a token on every change, and forgets the first one."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.seen: list[tuple[str, str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"].startswith("Basic ")
        path = request.url.path.removeprefix("/api")
        if path == "/csrf-token":
            self.tokens.append(f"token-{len(self.tokens)}")
            return httpx.Response(200, json={"token": self.tokens[-1]})
        if request.method == "GET":
            return httpx.Response(200, json={"id": "d1"}) if path.endswith("/flow/dep") else httpx.Response(404)
        if request.headers.get("Prefect-Csrf-Token") != "token-1":
            return httpx.Response(403, json={"detail": "Invalid CSRF token or client identifier."})
        self.seen.append((request.method, path, json.loads(request.content)))
        return httpx.Response(201, json={"id": "r1"})


def test_a_run_is_asked_for_with_a_fresh_token() -> None:
    server = Server()
    found = api(server).create_flow_run("flow/dep", {"a": 1}, name="n", idempotency_key="k")
    assert found == "r1"
    body = {"parameters": {"a": 1}, "name": "n", "idempotency_key": "k"}
    assert server.seen == [("POST", "/deployments/d1/create_flow_run", body)]


def test_an_unknown_deployment() -> None:
    with pytest.raises(UsageError, match=r"DEPLOYMENT_UNKNOWN.*sluice up"):
        api(Server()).create_flow_run("flow/other", {})


def refuse(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_a_server_that_is_away_is_transient() -> None:
    away = api(refuse)
    assert not away.healthy()
    with pytest.raises(PrefectDownError) as caught:
        away.flow_run("x")
    assert caught.value.transient


@pytest.mark.parametrize(
    ("status", "code"), [(401, "PREFECT_LOGIN"), (409, "PREFECT_REFUSED"), (500, "PREFECT_DOWN"), (503, "PREFECT_DOWN")]
)
def test_refusals_say_which(status: int, code: str) -> None:
    with pytest.raises((PrefectError, PrefectDownError), match=code):
        api(lambda _request: httpx.Response(status, text="no")).flow_run("x")
