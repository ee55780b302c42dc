from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sluice.errors import UsageError
from sluice.services.addresses import Addresses
from sluice.tools.prefect_api import PrefectApi, PrefectDownError, PrefectError

Handler = Callable[[httpx.Request], httpx.Response]


def api(handler: Handler, memory: Path = Path("/nonexistent/memory")) -> PrefectApi:
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
        prefect_memory=memory,
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
        self.asked: list[str] = []
        self.deployment = "d1"
        self.seen: list[tuple[str, str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"].startswith("Basic ")
        path = request.url.path.removeprefix("/api")
        if path == "/csrf-token":
            self.tokens.append(f"token-{len(self.tokens)}")
            return httpx.Response(200, json={"token": self.tokens[-1]})
        if request.method == "GET":
            self.asked.append(path)
            known = path.endswith("/flow/dep")
            return httpx.Response(200, json={"id": self.deployment}) if known else httpx.Response(404)
        if request.headers.get("Prefect-Csrf-Token") in (None, "token-0"):
            return httpx.Response(403, json={"detail": "Invalid CSRF token or client identifier."})
        if path.startswith("/deployments") and self.deployment not in path:
            return httpx.Response(404)
        self.seen.append((request.method, path, json.loads(request.content)))
        return httpx.Response(201, json={"id": "r1"})


def test_a_run_is_asked_for_with_a_fresh_token() -> None:
    server = Server()
    found = api(server).create_flow_run("flow/dep", {"a": 1}, name="n", idempotency_key="k")
    assert found == "r1"
    body = {"parameters": {"a": 1}, "name": "n", "idempotency_key": "k"}
    assert server.seen == [("POST", "/deployments/d1/create_flow_run", body)]


def test_the_next_command_asks_only_for_the_run(tmp_path: Path) -> None:
    server, memory = Server(), tmp_path / "prefect.json"
    api(server, memory).create_flow_run("flow/dep", {})
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    server.asked.clear()
    tokens = len(server.tokens)
    api(server, memory).create_flow_run("flow/dep", {})
    assert (server.asked, len(server.tokens), len(server.seen)) == ([], tokens, 2)


def test_what_is_remembered_wrongly_is_asked_again(tmp_path: Path) -> None:
    server, memory = Server(), tmp_path / "prefect.json"
    api(server, memory).create_flow_run("flow/dep", {})
    server.deployment = "d2"  # registered anew
    memory.write_text(memory.read_text().replace("token-1", "token-0"))  # which the server knows no more
    assert api(server, memory).create_flow_run("flow/dep", {}) == "r1"
    assert server.seen[-1][1] == "/deployments/d2/create_flow_run"
    assert "d2" in memory.read_text()
    assert "token-0" not in memory.read_text()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"http://127.0.0.1:1/api": 3}', '{"http://other/api": {"flow/dep": "d9"}}']
)
def test_a_memory_of_anything_else_is_none(text: str, tmp_path: Path) -> None:
    memory = tmp_path / "prefect.json"
    memory.write_text(text)
    server = Server()
    assert api(server, memory).create_flow_run("flow/dep", {}) == "r1"
    assert server.seen[-1][1] == "/deployments/d1/create_flow_run"


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
