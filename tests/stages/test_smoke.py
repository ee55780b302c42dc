"""Smoke against real servers on 127.0.0.1, with the real k6: each lie is named, the honest service passes."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sluice.config.smoke import HttpCheck, LoadConfig, SmokeConfig, VersionCheck
from sluice.records.build import Release
from sluice.records.common import ArtifactRef, StageContext
from sluice.records.smoke import SmokeRecord, SmokeRequest
from sluice.settings import Home
from sluice.stages.smoke import smoke, validate
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from tests.serving import serving

COMMIT, OTHER = "c" * 40, "d" * 40
RELEASE = Release(
    digest="sha256:" + "1" * 64,
    kind="bundle",
    project="greeter",
    version="1.4.0",
    commit=COMMIT,
    artifact=ArtifactRef(name="bundle", sha256="1" * 64, size=1),
)
HEALTH = HttpCheck(path="/healthz", json={"$.status": "ok"}, content_type="application/json")
Answer = tuple[int, dict[str, str], str]
App = Callable[[str], Answer]


def as_json(data: object, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(data)


def honest(path: str) -> Answer:
    """A service that is well."""
    if path == "/version":
        return as_json({"commit": COMMIT, "digest": RELEASE.digest})
    return as_json({"status": "ok"})


@contextmanager
def served(app: App) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """Serve `app`; give the address and the requests that come, as path and headers."""
    seen: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # else each answer is two packets and waits 40 ms

        def do_GET(self) -> None:
            seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, headers, body = app(self.path)
            data = body.encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """k6 hangs up at its end; that is no news."""

    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}", seen


def request(address: str, new_release: bool = True, **config: Any) -> SmokeRequest:
    return SmokeRequest(
        environment="staging",
        address=address,
        release=RELEASE,
        config=SmokeConfig(**({"checks": (HEALTH,)} | config)),
        upstream_digests=(RELEASE.digest,),
        replicas=3,
        new_release=new_release,
    )


def run(tmp: Path, asked: SmokeRequest) -> SmokeRecord:
    context = StageContext(run_id="run-1", project="greeter", stage=StageName.SMOKE, home=str(Home(tmp).make().root))
    with open_workplace(context) as place:
        return smoke(asked, place)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_an_honest_service_passes_everything_that_was_declared(tmp_path: Path) -> None:
    load = LoadConfig(path="/healthz", users=2, duration=1)
    with served(honest) as (address, seen):
        record = run(tmp_path, request(address, version=VersionCheck(), load=load))
    assert (record.passed, record.reason, record.load_skipped) == (True, "", "")
    assert [(check.name, check.passed) for check in record.checks] == [
        ("version at /version", True),
        ("GET /healthz", True),
        ("fresh answers", True),
    ]
    assert record.checks[1].expected == '200, application/json, $.status = "ok"'
    assert record.checks[0].observed == f"{COMMIT} (6 of 6 answers)"
    assert (record.seen_release, record.seen_expected) == (COMMIT, COMMIT)
    assert record.declared == record.ran == 5
    assert record.load is not None
    assert record.load.failed == 0
    assert record.load.requests > 20
    assert all(threshold.passed and threshold.samples == record.load.requests for threshold in record.load.thresholds)
    by_k6 = [headers for _, headers in seen if headers["user-agent"] == "sluice-load"]
    assert len(by_k6) == record.load.requests  # what k6 says is what the server saw
    assert [tool.name for tool in record.tools] == ["k6"]
    assert pickle.loads(pickle.dumps(record)) == record


def test_each_request_asks_for_a_fresh_answer_with_a_nonce_of_its_own() -> None:
    with served(honest) as (address, seen):
        validate(address, RELEASE, SmokeConfig(checks=(HEALTH,), version=VersionCheck()), replicas=2)
    assert len({headers["x-sluice-nonce"] for _, headers in seen}) == len(seen) == 5
    assert {headers["cache-control"] for _, headers in seen} == {"no-cache"}


def test_the_version_of_another_release_is_named(tmp_path: Path) -> None:
    with served(lambda path: as_json({"commit": OTHER, "status": "ok"})) as (address, _):
        record = run(tmp_path, request(address, version=VersionCheck()))
    assert (record.passed, record.seen_release, record.seen_expected) == (False, OTHER, COMMIT)
    assert record.reason == (
        f"version at /version: expected $.commit = {COMMIT} from each of 6 answers, observed {OTHER} (1 of 6 answers)"
    )
    assert len(record.checks) == 3  # the others were asked all the same


def test_one_old_replica_among_three_is_found() -> None:
    turns = itertools.cycle([COMMIT, COMMIT, OTHER])

    def mixed(path: str) -> Answer:
        return as_json({"commit": next(turns)} if path == "/version" else {"status": "ok"})

    with served(mixed) as (address, _):
        checks = validate(address, RELEASE, SmokeConfig(checks=(HEALTH,), version=VersionCheck()), replicas=3)
    assert not checks[0].passed
    assert checks[0].observed == f"{COMMIT}, {OTHER} (3 of 6 answers)"


@pytest.mark.parametrize(
    ("answer", "observed"),
    [
        (as_json({"commit": None}), "$.commit = null"),
        (as_json({"error": "x"}), "$.commit = nothing"),
        ((200, {"Content-Type": "text/html"}, "<html>"), "200 with a body that is not JSON: '<html>'"),
        (as_json({"detail": "Not Found"}, 404), "404 in "),
    ],
)
def test_a_service_that_does_not_say_its_version_fails(tmp_path: Path, answer: Answer, observed: str) -> None:
    with served(lambda path: answer if path == "/version" else honest(path)) as (address, _):
        record = run(tmp_path, request(address, version=VersionCheck()))
    assert (record.passed, record.seen_release) == (False, None)
    assert record.checks[0].observed.startswith(observed)


def test_the_digest_can_be_what_is_reported() -> None:
    version = VersionCheck(json="$.digest", value="digest")
    with served(honest) as (address, _):
        checks = validate(address, RELEASE, SmokeConfig(checks=(), version=version))
    assert [check.passed for check in checks] == [True, True]


def test_an_error_page_with_status_200_is_a_failure(tmp_path: Path) -> None:
    page = (200, {"Content-Type": "text/html; charset=utf-8"}, "<h1>Something went wrong</h1>")
    with served(lambda _: page) as (address, _):
        record = run(tmp_path, request(address, load=LoadConfig(duration=1)))
    assert not record.passed
    assert record.reason == (
        'GET /healthz: expected 200, application/json, $.status = "ok", '
        "observed 200 with text/html: '<h1>Something went wrong</h1>'"
    )
    assert (record.load, record.load_skipped) == (None, "check failed before it: GET /healthz")


@pytest.mark.parametrize(
    ("headers", "observed"),
    [
        ({"X-Cache": "HIT from edge"}, "GET /healthz: from a cache ('HIT from edge')"),
        ({"X-Sluice-Nonce": "0123456789abcdef"}, "GET /healthz: the nonce of another request ('0123456789abcdef')"),
    ],
)
def test_a_replayed_answer_is_told_from_a_fresh_one(tmp_path: Path, headers: dict[str, str], observed: str) -> None:
    with served(lambda _: as_json({"status": "ok"}, **headers)) as (address, _):
        record = run(tmp_path, request(address, checks=(HEALTH,)))
    assert (record.passed, record.stale) == (False, (observed,))


def test_an_echoed_nonce_and_a_cache_that_missed_are_fresh(tmp_path: Path) -> None:
    with served(lambda _: as_json({"status": "ok"}, **{"X-Cache": "MISS", "Age": "0"})) as (address, _):
        record = run(tmp_path, request(address, checks=(HEALTH,)))
    assert (record.passed, record.stale) == (True, ())


def test_an_answer_from_a_cache_is_a_failure() -> None:
    with served(lambda _: as_json({"status": "ok"}, Age="37")) as (address, _):
        checks = validate(address, RELEASE, SmokeConfig(checks=(HEALTH,)))
    assert [(check.name, check.passed, check.observed) for check in checks[1:]] == [
        ("fresh answers", False, "GET /healthz: Age 37 s")
    ]


def test_nobody_there_is_a_failed_check_and_no_crash(tmp_path: Path) -> None:
    record = run(tmp_path, request(f"http://127.0.0.1:{closed_port()}", version=VersionCheck(), load=LoadConfig()))
    assert (record.passed, record.seen_release) == (False, None)
    assert [check.passed for check in record.checks] == [False, False, False]
    assert "Connection refused" in record.reason
    assert record.checks[-1].observed == "0 answers, none from a cache"


def test_a_redirect_is_not_followed() -> None:
    with served(lambda _: (302, {"Location": "http://192.0.2.1/"}, "")) as (address, _):
        (check, _) = validate(address, RELEASE, SmokeConfig(checks=(HttpCheck(path="/"),)))
    assert check.observed.startswith("302 in ")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("K6_DURATION", "300s")
    monkeypatch.setenv("K6_VUS", "100")
    with served(honest) as (address, _):
        record = run(tmp_path, request(address, load=LoadConfig(users=1, duration=1)))
    assert record.passed
    assert record.load is not None
    assert record.load.seconds < 100  # and not the 300 of the variable


@contextmanager
def dripping(first: bytes) -> Iterator[str]:
    """Serve `first`, then a byte now and then, for ever."""
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.sendall(first)
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=drip, args=(connection,)).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_server_that_drips_ends_with_the_time_for_all(tmp_path: Path, first: bytes) -> None:
    began = time.monotonic()
    with dripping(first) as address:
        record = run(tmp_path, request(address, checks=(HEALTH, HttpCheck(path="/b")), timeout=0.6))
    assert time.monotonic() - began < 5
    assert [check.passed for check in record.checks] == [False, False, False]
    assert record.checks[0].observed.startswith("no whole answer within 0.")
    assert record.checks[1].observed == "not asked: the 0.6 s for all checks were used up"
    assert record.declared == record.ran == 3


def test_nothing_declared_is_nothing_known(tmp_path: Path) -> None:
    with served(honest) as (address, _):
        record = run(tmp_path, request(address, checks=()))
    assert (record.passed, record.declared, record.checks) == (False, 0, ())
    assert record.reason == "no check is declared, so nothing is known about this release"


def test_a_load_over_its_error_rate_fails_with_its_figures(tmp_path: Path) -> None:
    turn = itertools.count()

    def flaky(path: str) -> Answer:
        return as_json({}, 500) if path == "/" and next(turn) % 2 else as_json({"status": "ok"})

    with served(flaky) as (address, _):
        record = run(tmp_path, request(address, load=LoadConfig(users=2, duration=1)))
    assert record.load is not None
    failed, slow = record.load.thresholds
    assert (failed.passed, slow.passed) == (False, True)
    assert abs(record.load.failed - record.load.requests / 2) <= 1
    assert record.reason.startswith("load: expected http_req_failed rate<=0.01, observed 0.")
    assert record.reason.endswith(f" in {record.load.requests} samples")


def test_a_load_over_its_latency_fails(tmp_path: Path) -> None:
    def slow(path: str) -> Answer:
        time.sleep(0.1 if path == "/" else 0)
        return as_json({"status": "ok"})

    with served(slow) as (address, _):
        record = run(tmp_path, request(address, load=LoadConfig(users=1, duration=1, max_p95=0.05)))
    assert not record.passed
    observed = re.match(r"load: expected http_req_duration p\(95\)<=50, observed (\d+)", record.reason)
    assert observed is not None, record.reason
    assert int(observed[1]) >= 100


def test_requests_that_hang_are_failures_and_not_unseen(tmp_path: Path) -> None:
    def hanging(path: str) -> Answer:
        time.sleep(3 if path == "/" else 0)
        return as_json({"status": "ok"})

    with served(hanging) as (address, _):
        record = run(tmp_path, request(address, load=LoadConfig(users=1, duration=1, max_p95=0.3)))
    assert record.load is not None
    assert (record.load.requests, record.load.failed) == (1, 1)
    assert not record.passed


def test_a_release_that_served_before_gets_no_load(tmp_path: Path) -> None:
    with served(honest) as (address, _):
        known = run(tmp_path, request(address, new_release=False, load=LoadConfig()))
        always = run(tmp_path, request(address, new_release=False, load=LoadConfig(when="always", duration=1)))
    assert (known.passed, known.load, known.declared, known.ran) == (True, None, 2, 2)
    assert known.load_skipped == "this release has served and passed here before"
    assert (always.passed, always.declared, always.ran) == (True, 4, 4)


def fake_k6(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "broken-k6"
    path.write_text(f"#!/bin/sh\n[ \"$1\" = version ] && echo 'k6 v9.9.9' && exit 0\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("SLUICE_TOOL_K6", str(path))


NO_REQUEST = json.dumps(
    {
        "metrics": {
            "http_reqs": {"values": {"count": 0}},
            "http_req_failed": {"values": {"rate": 0}, "thresholds": {"rate<=0.01": {"ok": True}}},
            "http_req_duration": {"values": {}, "thresholds": {"p(95)<=1000": {"ok": True}}},
        },
        "state": {"testRunDurationMs": 1000},
    }
)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 0", "observed the file is empty"),
        ("exit 107", "ended with exit code 107"),
        ("kill -KILL $$", "ended with exit code 137"),
        (f"echo '{NO_REQUEST}' > summary.json", "observed no sample"),
        (f"echo '{NO_REQUEST[:90]}' > summary.json", "observed the file ends in the middle"),
    ],
)
def test_a_load_that_proves_nothing_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    fake_k6(tmp_path, script, monkeypatch)
    with served(honest) as (address, _):
        record = run(tmp_path, request(address, load=LoadConfig()))
    assert not record.passed
    assert reason in record.reason


def test_k6_that_is_not_here_fails_the_release_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TOOL_K6", "/no/such/k6")
    with served(honest) as (address, _):
        record = run(tmp_path, request(address, load=LoadConfig()))
    assert not record.passed
    assert record.reason == (
        "load on /: expected figures of 5 users for 3 s, observed SLUICE_TOOL_K6 names no executable file: /no/such/k6"
    )
