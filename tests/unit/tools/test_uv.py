"""How uv is called and what its failures become; no uv is started here."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.command import Completed
from sluice.errors import BuildFailedError, TransientError
from sluice.tools.uv import Uv, uv_environment


def ended(errors: str, *, timed_out: bool = False) -> Completed:
    return Completed(("uv",), 1, None, timed_out, "", errors, 1.0, 0.1, 0, False)


@pytest.fixture
def uv(tmp_path: Path) -> Uv:
    return Uv(tmp_path, tmp_path / "cache", lambda _line: None, timeout=5)


def test_the_environment_hands_on_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SLUICE_DATABASE_URL", "PREFECT_API_AUTH_STRING", "VIRTUAL_ENV", "PYTHONPATH", "GIT_DIR"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2020-01-01")
    monkeypatch.setenv("UV_INDEX_URL", "https://index.example/simple")
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    found = uv_environment(tmp_path)
    assert not [name for name in found if name.startswith(("SLUICE_", "PREFECT_", "PYTHON"))]
    assert {"VIRTUAL_ENV", "GIT_DIR", "UV_EXCLUDE_NEWER"}.isdisjoint(found)
    assert found["UV_INDEX_URL"] == "https://index.example/simple"
    assert found["UV_CACHE_DIR"] == str(tmp_path)
    assert found["UV_PYTHON_DOWNLOADS"] == "never"
    monkeypatch.setenv("UV_CACHE_DIR", "/elsewhere")
    assert uv_environment(tmp_path)["UV_CACHE_DIR"] == "/elsewhere"


@pytest.mark.parametrize(
    "said",
    [
        "error: error sending request for url (https://index.example/x)",
        "cause: dns error: failed to lookup address",
        "cause: Connection refused (os error 111)",
        "HTTP status server error (503 Service Unavailable)",
        "HTTP status client error (429 Too Many Requests)",
    ],
)
def test_the_network_is_the_worlds_fault(uv: Uv, said: str) -> None:
    error = uv._failure(ended(said), "resolve the dependencies")
    assert isinstance(error, TransientError)
    assert error.transient


def test_a_refusal_is_the_projects(uv: Uv) -> None:
    error = uv._failure(ended("error: Because nosuch was not found in the package registry …"), "resolve it")
    assert isinstance(error, BuildFailedError)
    assert not error.transient
    assert "cannot resolve it" in str(error)
    assert "nosuch was not found" in error.next_step


def test_a_time_limit_is_named(uv: Uv) -> None:
    error = uv._failure(ended("compiling …", timed_out=True), "build the wheel")
    assert (error.code, error.message) == ("TIMED_OUT", "cannot build the wheel within 5 s")
