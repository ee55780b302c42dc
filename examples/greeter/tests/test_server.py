"""The server on a real socket."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from greeter import server as greeter_server
from greeter.answers import Answer
from greeter.server import LOOPBACK, Server


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(0)
    loop = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    loop.start()
    yield made
    if not made.stopping:
        made.stop()
    loop.join(5)


def connect(server: Server) -> HTTPConnection:
    return HTTPConnection(LOOPBACK, server.server_port, timeout=5)


def test_one_connection_serves_many_requests(server: Server) -> None:
    connection = connect(server)
    for name in ("Ada", "Grace"):
        connection.request("GET", f"/greet?name={name}")
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (200, {"greeting": f"Hello, {name}!"})
        assert response.headers["Cache-Control"] == "no-store"
    connection.close()


def test_head_has_the_length_but_no_body(server: Server) -> None:
    connection = connect(server)
    connection.request("HEAD", "/healthz")
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Length"], response.read()) == (200, "16", b"")
    connection.close()


def test_stopping_finishes_open_requests(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> Answer:
        entered.set()
        go_on.wait(5)
        return Answer(200, "text/plain", b"finished")

    monkeypatch.setattr(greeter_server, "answer", slow)
    connection = connect(server)
    connection.request("GET", "/")
    assert entered.wait(5)
    finished: list[bool] = []
    stopper = threading.Thread(target=lambda: finished.append(server.stop()))
    stopper.start()
    go_on.set()
    response = connection.getresponse()
    assert (response.status, response.read(), response.headers["Connection"]) == (200, b"finished", "close")
    stopper.join(5)
    assert finished == [True]
    connection.close()
