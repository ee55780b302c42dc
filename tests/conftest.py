"""Guards that hold for every test."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: what cannot run there was not shown."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("SLUICE_CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and CI runs every test: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def no_world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Unit tests cannot start a process or open a connection."""
    if not request.path.is_relative_to(UNIT):
        yield
        return

    def refuse(*_args: object, **_more: object) -> None:
        raise AssertionError("a unit test touched the world; move it out of tests/unit")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield


@pytest.fixture(autouse=True)
def no_default_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test ever sees the user's state or settings."""
    for name in ("SLUICE_DATABASE_URL", "PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "sluice-home"))
