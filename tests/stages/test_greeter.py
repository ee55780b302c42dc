"""The example of the demo on real parts: its tests pass, it serves and ends well, and the scanners find nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

GREETER = Path(__file__).parents[2] / "examples" / "greeter"
BIN = Path(sys.executable).parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy, so that nothing is written into the example."""
    return Path(
        shutil.copytree(GREETER, tmp_path / "greeter", ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    )


def run(*words: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd / "src"), **variables}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_its_tests_pass(tree: Path) -> None:
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tree)
    assert done.returncode == 0, done.stdout
    assert "24 passed" in done.stdout


@pytest.fixture
def served(tree: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PORT": str(port), "SLUICE_COMMIT": "c0ffee"}
    process = subprocess.Popen(
        [sys.executable, "-m", "greeter"], cwd=tree, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"greeter listens on http://127.0.0.1:{port}\n"
    yield process, port
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def test_it_serves_its_commit_and_ends_well_on_term(served: tuple[subprocess.Popen[str], int]) -> None:
    process, port = served
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/version")
    assert json.loads(connection.getresponse().read())["commit"] == "c0ffee"
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)  # the connection stays open and idle: it must not hold the end up
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 5
    connection.close()


def test_a_bad_port_is_said(tree: Path) -> None:
    done = run(sys.executable, "-m", "greeter", cwd=tree, PORT="http")
    assert (done.returncode, done.stderr) == (1, "greeter: PORT is 'http', which is no port\n")


def test_hadolint_finds_nothing_and_would_find_something(tree: Path) -> None:
    assert run(BIN / "hadolint", "Dockerfile", cwd=tree).returncode == 0
    (tree / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp\n")
    assert run(BIN / "hadolint", "Dockerfile", cwd=tree).returncode == 1


def test_bandit_finds_nothing_above_low_and_looked_at_the_code(tree: Path) -> None:
    report = json.loads(run(BIN / "bandit", "-q", "-r", ".", "-f", "json", cwd=tree).stdout)
    assert report["errors"] == []
    assert report["metrics"]["_totals"]["loc"] > 150
    assert [found for found in report["results"] if found["issue_severity"] != "LOW"] == []


def test_trivy_finds_nothing_and_looked_at_the_dockerfile(tree: Path, tmp_path: Path) -> None:
    words = ["fs", "--skip-version-check", "--skip-check-update", "--scanners", "misconfig,secret", "--format", "json"]
    done = run(BIN / "trivy", *words, "--cache-dir", tmp_path / "cache", ".", cwd=tree)
    results = json.loads(done.stdout)["Results"]
    assert [result["Target"] for result in results] == ["Dockerfile"]
    assert [finding for result in results for finding in result.get("Misconfigurations", [])] == []
    assert [finding for result in results for finding in result.get("Secrets", [])] == []
