"""A real Caddy and a release that is judged: what it fails the other one answers, and it is counted as failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sluice.tools.caddy import Caddy
from sluice.tools.caddy_route import SLOTS, Route
from sluice.tools.caddy_server import ANSWERED_BY
from tests.deploy_parts import Parts, free_port
from tests.serving import serving

ROUNDS = 20


class App(ThreadingHTTPServer):
    """A release of one replica: it answers its status and name, or breaks the connection off (status 0)."""

    daemon_threads = True

    def __init__(self, name: str, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name, self.status = name, status
        self.asked: Counter[str] = Counter()
        self.breaks = 0  # so many of the next requests off

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: App

    def _answer(self) -> None:
        self.server.asked[self.command] += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.breaks -= 1
        if not self.server.status or self.server.breaks >= 0:
            self.close_connection = True
            return
        body = self.server.name.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(ANSWERED_BY, self.server.name)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


def app(name: str, status: int) -> AbstractContextManager[App]:
    return serving(App(name, status))


def ask(route: Route, method: str = "GET", body: str | None = None, headers: dict[str, str] | None = None) -> str:
    """Status and body of an answer."""
    connection = HTTPConnection("127.0.0.1", route.port, timeout=20)
    try:
        connection.request(method, "/", body, headers or {})
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode().strip()}"
    finally:
        connection.close()


@pytest.fixture
def caddy(parts: Parts) -> Caddy:
    return Caddy(parts.admin)


@pytest.fixture
def route(caddy: Caddy, tmp_path: Path) -> Iterator[Route]:
    made = Route(f"second.{tmp_path.name}", free_port(), tmp_path / "route")
    caddy.ensure([made])
    yield made
    caddy.remove([made.name])


@pytest.mark.parametrize("status", [500, 503, 0])
def test_the_old_release_answers_what_one_aside_fails_and_it_is_counted(
    caddy: Caddy, route: Route, status: int
) -> None:
    with app("old", 200) as old, app("new", status) as new:
        route.point([old.address], [new.address], 50)
        answers = Counter(ask(route) for _ in range(ROUNDS))

    served, aside = caddy.traffic(route.name)
    assert answers == {"200 old": ROUNDS}
    assert (served.errors, served.requests + aside.requests) == (0, ROUNDS)
    assert aside.errors == aside.requests > 0
    assert new.asked["GET"] >= aside.requests


@pytest.mark.parametrize("status", [500, 503, 0])
def test_what_stands_by_answers_what_a_watched_release_fails(caddy: Caddy, route: Route, status: int) -> None:
    with app("old", 200) as old, app("new", status) as new:
        route.point([new.address], standby=[old.address])
        answers = Counter(ask(route) for _ in range(ROUNDS))

    served, aside = caddy.traffic(route.name)
    assert answers == {"200 old": ROUNDS}
    assert (served.requests, served.errors, aside.requests) == (ROUNDS, ROUNDS, 0)


@pytest.mark.parametrize(("method", "body"), [("POST", None), ("PUT", "text"), ("GET", "text")])
def test_what_may_not_be_sent_twice_is_not(route: Route, method: str, body: str | None) -> None:
    with app("old", 200) as old, app("new", 500) as new:
        route.point([new.address], standby=[old.address])

        assert ask(route, method, body) == "500 new"

    assert (new.asked, old.asked) == ({method: 1}, {})


def test_a_failure_of_both_is_handed_on(route: Route) -> None:
    with app("old", 503) as old, app("new", 500) as new:
        route.point([new.address], standby=[old.address])

        assert ask(route) == "503 old"


def test_without_another_release_a_failure_is_what_the_release_said(route: Route) -> None:
    with app("new", 500) as new:
        route.point([new.address])

        assert ask(route) == "500 new"
        assert new.asked == {"GET": 1}


def test_who_asks_which_release_answers_is_answered_by_no_other(caddy: Caddy, route: Route) -> None:
    with app("old", 200) as old, app("new", 503) as new:
        route.point([new.address], standby=[old.address])

        assert caddy.answered_by(route, "/") == ("status 503",)
    assert old.asked == {}


def test_who_gets_no_answer_asks_a_whole_round_again(caddy: Caddy, tmp_path: Path) -> None:
    with app("new", 200) as new:
        direct = Route("direct", new.server_address[1], tmp_path)
        new.breaks = 1
        assert caddy.answered_by(direct, "/") == ("new",)
        assert new.asked["GET"] == 1 + SLOTS

        new.breaks = 3
        assert caddy.answered_by(direct, "/") == ("RemoteDisconnected", "new")


def test_where_nobody_answers_is_asked_once(caddy: Caddy, route: Route) -> None:
    route.point([f"127.0.0.1:{free_port()}"])

    assert caddy.answered_by(route, "/") == ("status 502",)

    assert caddy.traffic(route.name)[0].requests == 1, "each request waits for somebody for seconds"
