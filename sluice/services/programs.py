"""The programs of `sluice up`, as the process manager runs them; each is a group of its own name."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from importlib.metadata import version

from sluice.services import code, postgres
from sluice.services.addresses import Addresses
from sluice.services.credentials import Credentials, write_private
from sluice.services.environment import server_env, system_env, warm_env, worker_env
from sluice.services.fingerprint import fingerprint
from sluice.settings import Home, Settings
from sluice.tools.programs import find
from sluice.tools.supervisor import ServiceProgram

POSTGRES, CADDY, PREFECT, WARM, WORKER = "postgres", "caddy", "prefect", "warm", "worker"
NAMES = (POSTGRES, CADDY, PREFECT, WARM, WORKER)  # the order of their start; they stop in the reverse
RETRIES = 20  # with supervisord's growing pauses: minutes


def programs(settings: Settings, addresses: Addresses, secrets: Credentials) -> dict[str, ServiceProgram]:
    """Return name → program of every service that is not replaced by an outside one."""
    found = [_caddy(settings, addresses), _warm(settings, addresses), _worker(settings, addresses)]
    if addresses.postgres_port is not None:
        found.append(_postgres(settings, addresses.postgres_port))
    if addresses.prefect_port is not None:
        found.append(_prefect(settings, addresses, secrets))
    return {program.name: program for program in sorted(found, key=lambda program: program.priority)}


def _program(
    name: str, home: Home, words: tuple[str, ...], environment: dict[str, str], **more: object
) -> ServiceProgram:
    return ServiceProgram(
        name=name,
        command=words,
        directory=more.pop("directory", home.root),
        log=home.service_logs / f"{name}.log",
        environment={**environment, "SLUICE_BUILD": _build()},
        priority=10 * (NAMES.index(name) + 1),
        start_retries=RETRIES,
        **{"stop_seconds": 30, **more},
    )


def _build() -> str:
    """Return what a running service cannot notice by itself: that Python or Prefect was replaced under it."""
    return f"python {sys.version.split()[0]}, prefect {version('prefect')}, sluice {version('sluiceway')}"


def _postgres(settings: Settings, port: int) -> ServiceProgram:
    home = settings.home
    words = postgres.command_of(home, port)
    # INT: end the connections and stop cleanly; TERM would wait for every client to leave.
    return _program(POSTGRES, home, words, system_env(), stop_signal="INT", death_signal=int(signal.SIGINT))


def _prefect(settings: Settings, addresses: Addresses, secrets: Credentials) -> ServiceProgram:
    words = (sys.executable, "-m", "prefect", "server", "start")
    env = server_env(addresses, settings, secrets)
    # INT: the server writes down what it still holds in memory; TERM would lose it.
    return _program(PREFECT, settings.home, words, env, stop_signal="INT", death_signal=int(signal.SIGINT))


def _warm(settings: Settings, addresses: Addresses) -> ServiceProgram:
    words = (sys.executable, "-m", "sluice.services.warm")
    env = warm_env(addresses, settings)
    return _program(WARM, settings.home, words, env, directory=code.root(), stop_seconds=45)


def _worker(settings: Settings, addresses: Addresses) -> ServiceProgram:
    """Describe the worker with the code that it is to run: changed code is another program, which is started anew."""
    words = (sys.executable, "-m", "sluice.services.worker")
    env = {**worker_env(addresses, settings), "SLUICE_CODE_DIGEST": fingerprint()}
    return _program(WORKER, settings.home, words, env, directory=code.root(), stop_seconds=60)


def _caddy(settings: Settings, addresses: Addresses) -> ServiceProgram:
    home = settings.home
    words = (str(find("caddy")), "run", "--resume", "--config", str(home.caddy / "first.json"))
    environment = {
        **system_env(),
        "HOME": str(home.caddy),
        "XDG_CONFIG_HOME": str(home.caddy / "config"),
        "XDG_DATA_HOME": str(home.caddy / "data"),
        "CADDY_ADMIN": f"127.0.0.1:{addresses.caddy_port}",  # not in the configuration, which outlives a move
        "GOMAXPROCS": "4",
    }
    return _program(CADDY, home, words, environment)


def write_caddy_config(home: Home) -> str | None:
    """Write the configuration of Caddy's first start; later starts resume what the admin API left.

    Returns a line for people when the saved configuration was cut off by a crash and had to be put aside.
    """
    home.caddy.mkdir(parents=True, exist_ok=True, mode=0o700)
    first: dict[str, object] = {"apps": {"http": {"metrics": {}, "servers": {}}}}
    write_private(home.caddy / "first.json", json.dumps(first))
    saved = home.caddy / "config" / "caddy" / "autosave.json"
    if not saved.exists():
        return None
    try:
        json.loads(saved.read_text())
    except ValueError:
        shutil.move(saved, saved.with_suffix(".broken"))
        return "the proxy's saved configuration was cut off by a crash; routes come back with the next deploy"
    return None
