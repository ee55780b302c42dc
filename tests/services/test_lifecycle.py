"""`sluice up` and `down` on real services: idempotent, healing, clean; power cut, taken ports, purge."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from sluice.errors import InfrastructureError
from sluice.services import lifecycle, supervisord, warm_client
from sluice.services.addresses import load
from sluice.services.doctor import doctor
from sluice.services.fingerprint import fingerprint
from sluice.services.ports import PortTakenError
from sluice.services.programs import NAMES
from sluice.services.registration import DEPLOYMENTS
from sluice.services.status import ServiceStatus, status, total_memory
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from tests.services.dummies import alive
from tests.stack import eventually, settings_for

pytestmark = pytest.mark.services


def silent(_line: str) -> None:
    return None


def by_name(settings: Settings) -> dict[str, ServiceStatus]:
    return {service.name: service for service in status(settings)}


def pids(settings: Settings) -> dict[str, int | None]:
    return {name: service.pid for name, service in by_name(settings).items()}


def family(settings: Settings) -> list[psutil.Process]:
    """supervisord and every process below it."""
    pid = supervisord.supervisor_of(settings.home).pid()
    assert pid is not None
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def test_everything_is_up_and_answers(stack: Settings) -> None:
    services = by_name(stack)
    assert list(services) == ["supervisor", *NAMES]
    assert {service.state for service in services.values()} == {"running"}
    assert all(service.version and service.pid and service.started_at for service in services.values())
    addresses = load(stack)
    with psycopg.connect(addresses.database_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("sluice",)
    api = PrefectApi(addresses)
    assert all(api.deployment(name) for name in DEPLOYMENTS)


def test_memory_of_all_is_below_900_megabytes(stack: Settings) -> None:
    assert 0 < total_memory(status(stack)) < 900 * 2**20


def test_up_again_changes_nothing(stack: Settings) -> None:
    before = pids(stack)
    spec = supervisord.supervisor_of(stack.home).groups / "worker" / "worker.json"
    described = json.loads(spec.read_text())
    lifecycle.up(stack, silent)
    assert json.loads(spec.read_text()) == described
    assert pids(stack) == before


@pytest.mark.parametrize("name", ["caddy", "postgres", "prefect"])
def test_a_killed_service_is_started_again(stack: Settings, name: str) -> None:
    before = by_name(stack)[name].pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(lambda: by_name(stack)[name].pid not in (None, before), f"another {name}")
    eventually(lambda: all(service.good for service in status(stack)), "all services", 120)
    assert by_name(stack)[name].restarts >= 1


def test_only_its_owner_can_look_in(stack: Settings) -> None:
    home = stack.home
    private = [home.root, home.secrets, *home.secrets.iterdir(), home.supervisor, home.services_file]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in private} == {0}
    addresses = load(stack)
    assert httpx.get(f"{addresses.prefect_api_url}/admin/version").status_code == 401
    assert httpx.post(f"{addresses.prefect_api_url}/flows/filter", json={}).status_code in (401, 403)
    wrong = addresses.database_url.replace("sluice:", "sluice:x", 1)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(wrong).close()


def test_a_foreign_page_may_not_use_prefect(stack: Settings) -> None:
    addresses = load(stack)
    question = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{addresses.prefect_api_url}/flows/filter", headers=question)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.status_code == 400


def test_the_caller_cannot_choose_the_command_of_a_run(stack: Settings) -> None:
    pool = PrefectApi(load(stack)).get(f"/work_pools/{stack.work_pool}")
    template = pool["base_job_template"]
    assert "launcher.py" in template["job_configuration"]["command"]
    assert "command" not in template["variables"]["properties"]


def test_the_doctor_finds_the_set_up_safe(stack: Settings) -> None:
    reports = {report.name: report for report in doctor(stack)}
    for name in ("addresses", "Prefect login", "secrets", "git", "uv", "trivy", "k6", "caddy", "postgres"):
        assert reports[name].level == "good", reports[name]
    assert reports["postgres"].detail.endswith("(wheel)")


def test_the_doctor_sees_a_secret_that_is_open(stack: Settings) -> None:
    path = next(stack.home.secrets.iterdir())
    path.chmod(0o644)
    try:
        report = next(report for report in doctor(stack) if report.name == "secrets")
    finally:
        path.chmod(0o600)
    assert (report.level, path.name in report.detail) == ("bad", True)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Services of this module only, for what ends them all."""
    settings = settings_for(tmp_path_factory.mktemp("own") / "a home with blanks, [brackets] and 100%")
    lifecycle.up(settings, silent)
    yield settings
    lifecycle.down(settings, silent, purge=True)


def test_power_cut(own: Settings) -> None:
    addresses = load(own)
    with psycopg.connect(addresses.database_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    free = settings_for(own.home.root).caddy_port
    assert free is not None
    answer = {"handler": "static_response", "body": "here"}
    web = {"listen": [f"127.0.0.1:{free}"], "routes": [{"handle": [answer]}], "automatic_https": {"disable": True}}
    assert httpx.post(f"{addresses.caddy_admin}/config/apps/http/servers/web", json=web).is_success
    processes = family(own)
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=20)
    lifecycle.up(own, silent)
    assert all(service.good for service in status(own))
    with psycopg.connect(addresses.database_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    assert httpx.get(f"http://127.0.0.1:{free}/").text == "here"


def test_a_killed_process_manager_takes_the_services_with_it(own: Settings) -> None:
    manager, *rest = family(own)
    manager.kill()
    eventually(lambda: not any(alive(process.pid) for process in rest), "the end of the services")
    assert by_name(own)["postgres"].state == "stopped"
    lifecycle.up(own, silent)
    assert all(service.good for service in status(own))


def test_changed_code_is_loaded_by_the_worker_too_once_no_run_goes_on(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    before = pids(own)
    monkeypatch.setattr("sluice.services.programs.fingerprint", lambda: "of other files")
    with monkeypatch.context() as busy:
        state = warm_client.WarmState(pid=1, code=fingerprint(), children=2)
        busy.setattr("sluice.services.startup.warm_client.ask", lambda *_words, **_more: state)
        lifecycle.up(own, lines.append)
    assert "worker: stays as it is while 2 runs go on; `sluice up` again later" in lines
    assert pids(own) == before
    lifecycle.up(own, silent)
    after = pids(own)
    assert {name for name in before if before[name] != after[name]} == {"worker"}
    lifecycle.up(own, silent)
    assert pids(own) == after


def test_down_stops_everything_and_up_keeps_the_data(own: Settings) -> None:
    processes = family(own)
    secrets = {path.name: path.read_text() for path in own.home.secrets.iterdir()}
    lifecycle.down(own, silent)
    assert not [process for process in processes if alive(process.pid)]
    assert {service.state for service in status(own)} == {"stopped"}
    asked = subprocess.run(
        [sys.executable, "-m", "sluice.cli.main", "runs"],
        env={**os.environ, "SLUICE_HOME": str(own.home.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stdout) == (20, "")
    assert asked.stderr.startswith("DATABASE_UNAVAILABLE: ")
    assert "`sluice up`" in asked.stderr
    assert len(asked.stderr.splitlines()) == 1
    lifecycle.down(own, silent)  # again: nothing to do
    lifecycle.up(own, silent)
    assert all(service.good for service in status(own))
    assert {path.name: path.read_text() for path in own.home.secrets.iterdir()} == secrets


def test_a_port_that_somebody_else_took(own: Settings) -> None:
    lifecycle.down(own, silent)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", own.postgres_port or 0))
        other.listen()
        with pytest.raises(PortTakenError) as caught:
            lifecycle.up(own, silent)
    text = str(caught.value)
    assert str(own.postgres_port) in text
    assert f"pid {os.getpid()}" in text
    assert "SLUICE_POSTGRES_PORT" in text
    assert supervisord.supervisor_of(own.home).pid() is None
    lifecycle.up(own, silent)


def test_purge_leaves_nothing(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "gone")
    lifecycle.up(settings, silent)
    processes = family(settings)
    lifecycle.down(settings, silent, purge=True)
    assert not [process for process in processes if alive(process.pid)]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InfrastructureError, match="sluice up"):
        load(settings)
