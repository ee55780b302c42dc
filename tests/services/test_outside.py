"""An outside Postgres and an outside Prefect server in place of the embedded ones; really used, never stopped by us."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from sluice.errors import ConfigError, SluiceError
from sluice.services import lifecycle
from sluice.services.addresses import load
from sluice.services.doctor import doctor
from sluice.services.status import status
from sluice.settings import Settings
from sluice.targets.ports import free_ports
from sluice.tools.prefect_api import PrefectApi
from tests.flows.clerk import Clerk
from tests.postgres_server import PostgresServer, running_postgres
from tests.stack import eventually

pytestmark = pytest.mark.services

PASSWORD, LOGIN = "pg-Planted-5e1c", "ops:prefect-Planted-8d20"


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    """A server that is not ours, with a user of its own and a database each."""
    with running_postgres() as server:
        server.execute(f"CREATE ROLE ci LOGIN PASSWORD '{PASSWORD}'")
        for name in ("ci", "their_prefect"):
            server.execute(f"CREATE DATABASE {name} OWNER ci")
        server.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        for name in ("ci", "their_prefect"):
            with psycopg.connect(server.url(name).replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_trgm")
        yield server


@pytest.fixture(scope="module")
def prefect(database: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server that is not ours; gives the address of its API."""
    (port,) = free_ports(1)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("prefect")),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://ci@127.0.0.1:{database.port}/their_prefect",
        "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
        "PREFECT_API_AUTH_STRING": LOGIN,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path_factory.mktemp("log") / "prefect.log").open("wb") as log:
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: _healthy(f"http://127.0.0.1:{port}/api"), "the outside Prefect server", 120)
        yield f"http://127.0.0.1:{port}/api"
    finally:
        server.terminate()
        server.wait(30)


def _healthy(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", trust_env=False, auth=tuple(LOGIN.split(":"))).is_success  # type: ignore[arg-type]
    except httpx.TransportError:
        return False


def test_a_run_on_outside_servers_that_stay_when_we_go(
    database: PostgresServer, prefect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (caddy,) = free_ports(1)
    outside = {
        "SLUICE_HOME": str(home),
        "SLUICE_DATABASE_URL": f"postgresql://ci:{PASSWORD}@127.0.0.1:{database.port}/ci",
        "PREFECT_API_URL": prefect,
        "PREFECT_API_AUTH_STRING": LOGIN,
        "SLUICE_CADDY_PORT": str(caddy),
    }
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    clerk = Clerk(tmp_path, "outside")
    clerk.commit()
    said: list[str] = []
    settings = Settings()
    try:
        said.append(_sluice("up"))
        found = {service.name: service for service in status(settings)}
        assert {name: found[name].state for name in ("postgres", "prefect", "worker", "caddy", "warm")} == {
            **dict.fromkeys(("postgres", "prefect"), "outside"),
            **dict.fromkeys(("worker", "caddy", "warm"), "running"),
        }
        assert (found["postgres"].pid, found["prefect"].pid) == (None, None)
        assert found["postgres"].version.startswith("18.")
        assert found["prefect"].version.startswith("3.8.")
        told = {report.name: report for report in doctor(settings)}
        assert told["database"].detail.startswith("outside, 18.")
        assert told["Prefect server"].detail.startswith("outside, 3.8.")
        said.append(_sluice("status"))
        said.append(_sluice("doctor"))
        said.append(_sluice("run", str(clerk.path)))
        assert clerk.tested == 1
        with psycopg.connect(database.url("ci").replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT state, exit_code FROM pipeline_runs").fetchall() == [("passed", 0)]
        said.append(_sluice("report"))
    finally:
        lifecycle.down(settings, said.append)
    assert _healthy(prefect), "down leaves the outside server alone"
    assert PrefectApi(load(settings)).deployment("pipeline/sluice") is not None
    for secret in (PASSWORD, LOGIN.partition(":")[2]):
        assert secret not in "\n".join(said)
        for path in home.rglob("*.log"):
            assert secret not in path.read_text(errors="replace"), f"a password lies in {path}"
        for path in home.rglob("*.json"):  # the process manager's descriptions of programs: for their owner only
            assert secret not in path.read_text(errors="replace") or not path.stat().st_mode & 0o077, path


def _sluice(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sluice.cli.main", *words], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, f"sluice {words[0]}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("SLUICE_DATABASE_URL", "postgresql//u:pg-Planted-5e1c@h/ci", "DATABASE_URL"),
        ("SLUICE_DATABASE_URL", "mysql://u:pg-Planted-5e1c@h/ci", "DATABASE_URL"),
        ("SLUICE_DATABASE_URL", "postgresql://u:pg-Planted-5e1c@h:x/ci", "DATABASE_URL"),
        ("SLUICE_DATABASE_URL", "postgresql://u:pg-Planted-5e1c@127.0.0.1:1/ci", "DATABASE_UNAVAILABLE"),
        ("PREFECT_API_URL", "http://u:pg-Planted-5e1c@h/api", "PREFECT_URL"),
        ("PREFECT_API_URL", "ftp://h/api", "PREFECT_URL"),
        ("SLUICE_POSTGRES_PORT", "many", "SETTINGS"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(
    variable: str, value: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(variable, value)
    try:
        with pytest.raises(SluiceError) as caught:
            lifecycle.up(Settings(), lambda _line: None)
    finally:
        monkeypatch.delenv(variable)
        lifecycle.down(Settings(), lambda _line: None)
    assert caught.value.code == code
    assert "Planted" not in str(caught.value)
    assert isinstance(caught.value, ConfigError) == (code != "DATABASE_UNAVAILABLE")
