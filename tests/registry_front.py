"""What stands between a registry and the world: a real HTTP server that passes requests on, or answers for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.docker_parts import Registry
from tests.serving import serving

KEPT = ("content-type", "location", "docker-content-digest", "www-authenticate", "range")
REFUSAL = b'{"errors":[{"code":"TOLD","message":"told to"}]}'


@dataclass(frozen=True)
class Answer:
    """What is answered instead. `hangs`: nothing, until the server closes; `cut`: half of what the registry says."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = REFUSAL
    hangs: bool = False
    cut: bool = False


class Front(ThreadingHTTPServer):
    """Answers requests that `matches` names with `answers`, one after the other; then the registry does."""

    daemon_threads = True

    def __init__(self, registry: Registry, matches: Callable[[str, str], bool], answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.registry = registry
        self.matches = matches
        self.answers = answers
        self.asked = 0
        self.closing = threading.Event()

    @property
    def host(self) -> str:
        """Name of it as a registry."""
        return f"127.0.0.1:{self.server_port}"


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def answer(self) -> None:
        body = self._body()
        told = None
        if self.server.matches(self.command, self.path):
            self.server.asked += 1
            told = self.server.answers.pop(0) if self.server.answers else None
        if told is not None and told.hangs:
            self.server.closing.wait()
            self.close_connection = True
        elif told is not None and not told.cut:
            self._send(told.status, told.headers, told.body)
        else:
            self._pass_on(body, cut=told is not None)

    def _pass_on(self, body: bytes, *, cut: bool) -> None:
        sent = {k: v for k, v in self.headers.items() if k.lower() not in ("transfer-encoding", "content-length")}
        with httpx.Client(trust_env=False) as client:
            url = f"http://{self.server.registry.host}{self.path}"
            got = client.request(self.command, url, headers=sent, content=body)
        kept = {k: v for k, v in got.headers.items() if k.lower() in KEPT}
        self._send(got.status_code, kept, got.content, cut=cut)

    def __getattr__(self, name: str) -> Any:
        """Every method is answered in the same way."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(max(len(content), 2) if cut else len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_front(registry: Registry, matches: Callable[[str, str], bool], answers: list[Answer]) -> Iterator[Front]:
    """Run a front before a registry."""
    with serving(Front(registry, matches, answers)) as server:
        try:
            yield server
        finally:
            server.closing.set()
