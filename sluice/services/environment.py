"""The environment of services, workers, flows and of `.venv/bin/prefect` in a person's shell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import certifi

from sluice.services import code
from sluice.services.addresses import Addresses
from sluice.services.credentials import Credentials, write_private
from sluice.settings import Home, Settings

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"

# Of the shell that typed `sluice up`, and no business of services. PYTHON*: an inherited "write no bytecode" doubles
# the start time of every Python. PREFECT*: would turn our clients to another server.
OF_THE_SHELL = ("PREFECT_", "PYTHON", "SSH_", "XDG_SESSION", "TERM_", "TMUX", "VSCODE_", "PYTEST_")
OF_TESTS = ("SLUICE_FAILPOINT", "SLUICE_ALLOW")  # a test passes them to one run, by its job variables
DROPPED_PREFIXES = OF_THE_SHELL + OF_TESTS
DROPPED = {"PWD", "OLDPWD", "SHLVL", "_", "TERM", "COLUMNS", "LINES", "LS_COLORS", "DISPLAY", "WINDOWID", "MAKEFLAGS"}
DROPPED |= {"MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "VIRTUAL_ENV_PROMPT", "PS1", "COLORTERM", "COLORFGBG"}
SYSTEM = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")

OF_THE_WORKER = {
    # A poll costs the server as much as three other answers; for a run that is asked for here the worker is woken.
    "PREFECT_WORKER_QUERY_SECONDS": "2.0",
    "PREFECT_WORKER_ENABLE_CANCELLATION": "True",
    "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
}


def prefect_env(addresses: Addresses, settings: Settings) -> dict[str, str]:
    """Return what every client of Prefect needs: commands, workers, flows. It holds secrets; show it to nobody.

    Names and values are those under which Prefect's worker hands its settings on, so that a flow's process finds what
    the warm process read already.
    """
    home = settings.home
    env = {
        "PREFECT_API_URL": addresses.prefect_api_url,
        "PREFECT_HOME": str(home.prefect),
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(home.results),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "False",  # no server is an error, not a reason to start another one
        "PREFECT_SERVER_ANALYTICS_ENABLED": "False",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",  # Postgres gone over the last transition must not leave it open
        "PREFECT_CLIENT_MAX_RETRIES": "8",
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "False",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_LOGGING_LEVEL": "INFO",
        # Else each task logs that it completed, as its state tells: printed and sent, a twentieth of a second a run.
        "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "WARNING",
        "GX_ANALYTICS_ENABLED": "false",
        "SLUICE_HOME": str(home.root),
        "SLUICE_WORK_POOL": settings.work_pool,
        "SLUICE_PREFECT_PATIENCE": f"{settings.prefect_patience:g}",
        "SLUICE_CODE": str(code.root()),
    }
    if addresses.prefect_api_url.startswith("http:"):
        env["PREFECT_API_SSL_CERT_FILE"] = str(one_certificate(home))
    if addresses.prefect_auth:
        env["PREFECT_API_AUTH_STRING"] = addresses.prefect_auth
    if addresses.postgres_port is None:
        env["SLUICE_DATABASE_URL"] = addresses.database_url
    return env


def one_certificate(home: Home) -> Path:
    """Return a file with one of the usual certificates.

    Each client of Prefect reads the whole bundle before it asks, 20 ms and more; over plain http nobody looks at one.
    """
    path = home.prefect / "one-certificate.pem"
    if not path.exists():
        bundle = Path(certifi.where()).read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, bundle[bundle.index(BEGIN) : bundle.index(END) + len(END)] + "\n")
    return path


def shell_env(addresses: Addresses, settings: Settings) -> dict[str, str]:
    """Return what a shell needs for `prefect …`: :func:`prefect_env`, and the version that deployments get."""
    return {**prefect_env(addresses, settings), "SLUICE_CODE_VERSION": code.version()}


def server_env(addresses: Addresses, settings: Settings, secrets: Credentials) -> dict[str, str]:
    """Return the environment of the embedded Prefect server: closed to others, quiet, on Postgres."""
    return {
        **system_env(),
        "PREFECT_HOME": str(settings.home.prefect),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": addresses.prefect_database_url or "",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(addresses.prefect_port),
        "PREFECT_SERVER_API_AUTH_STRING": secrets.prefect_auth,
        "PREFECT_API_AUTH_STRING": secrets.prefect_auth,  # the server's own services are clients too
        "PREFECT_API_URL": addresses.prefect_api_url,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": addresses.prefect_ui_url,
        "PREFECT_SERVER_ENCRYPTION_KEY": secrets.prefect_key,
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        # One event a transaction is its default; below 1 second the flush loop would spin.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_METRICS_ENABLED": "true",
        # Leases in files outlive a power cut; those in memory would block their slot for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    }


def worker_env(addresses: Addresses, settings: Settings) -> dict[str, str]:
    """Return the environment of the worker, which its flows inherit: ours, and what the person's shell has.

    Variables of the shell are kept because `env:NAME` secrets and proxies are found there.
    """
    return {
        **inherited(os.environ),
        **prefect_env(addresses, settings),
        **OF_THE_WORKER,
        "SLUICE_WORKER_SOCKET": str(addresses.worker_socket),
        "SLUICE_FLOW_LOG": str(settings.home.service_logs / "worker.log"),  # see launcher.py
    }


def warm_env(addresses: Addresses, settings: Settings) -> dict[str, str]:
    """Return the environment of the warm process: one thread only, because it forks."""
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **system_env(),
        **prefect_env(addresses, settings),
        **OF_THE_WORKER,  # a fork need not read its settings again when it is to have the same
        **dict.fromkeys(threads, "1"),
        "SLUICE_WARM_SOCKET": str(addresses.warm_socket),
        "SLUICE_CLEAN_AFTER_DAYS": f"{settings.clean_after_days:g}",  # the reconciler is a child of it
    }


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of a shell's environment goes to the worker."""
    return {
        name: value
        for name, value in environment.items()
        if name not in DROPPED and not name.startswith(DROPPED_PREFIXES)
    }


def system_env() -> dict[str, str]:
    """Return the few variables of the system that every program needs."""
    return {name: os.environ[name] for name in SYSTEM if name in os.environ}
