from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from prefect.settings import Settings as PrefectSettings

from sluice.services import environment
from sluice.services.addresses import choose
from sluice.services.credentials import make
from sluice.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings.model_validate({"SLUICE_HOME": tmp_path})
    made.home.make()
    return made


def test_the_shell_hands_on_secrets_and_nothing_that_turns_us_elsewhere() -> None:
    shell = {
        "TOKEN": "x",
        "https_proxy": "y",
        "PATH": "/bin",
        "PREFECT_API_URL": "http://evil",
        "PREFECT_PROFILE": "p",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": "/x",
        "SLUICE_FAILPOINT": "deploy:before:kill",
        "PWD": "/x",
    }
    assert environment.inherited(shell) == {"TOKEN": "x", "https_proxy": "y", "PATH": "/bin"}


def test_the_server_is_closed_to_others(settings: Settings) -> None:
    addresses = choose(settings)
    env = environment.server_env(addresses, settings, make(settings.home))
    assert env["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert env["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == addresses.prefect_ui_url
    assert env["PREFECT_SERVER_API_AUTH_STRING"] == addresses.prefect_auth
    assert env["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] == "true"
    assert env["PREFECT_SERVER_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://")
    assert int(env["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"]) >= 1


def test_clients_never_start_a_server_of_their_own(settings: Settings) -> None:
    env = environment.prefect_env(choose(settings), settings)
    assert env["PREFECT_SERVER_EPHEMERAL_ENABLED"] == "False"
    assert env["PREFECT_CLIENT_RETRY_EXTRA_CODES"] == "500"
    assert env["SLUICE_HOME"] == str(settings.home.root)
    assert "SLUICE_DATABASE_URL" not in env


def test_the_warm_process_has_one_thread(settings: Settings) -> None:
    env = environment.warm_env(choose(settings), settings)
    assert {env[name] for name in env if name.endswith("_NUM_THREADS")} == {"1"}


def test_a_flow_gets_the_settings_of_the_warm_process(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = choose(settings)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    for name, value in environment.worker_env(addresses, settings).items():
        monkeypatch.setenv(name, value)
    handed_on = PrefectSettings().to_environment_variables(exclude_unset=True)  # as the worker does for each flow
    warm = environment.warm_env(addresses, settings)
    assert handed_on.items() <= {name: value for name, value in warm.items() if name.startswith("PREFECT_")}.items()


def test_clients_over_plain_http_read_one_certificate(settings: Settings) -> None:
    path = Path(environment.prefect_env(choose(settings), settings)["PREFECT_API_SSL_CERT_FILE"])
    context = ssl.create_default_context(cafile=str(path))
    assert context.cert_store_stats()["x509"] == 1
