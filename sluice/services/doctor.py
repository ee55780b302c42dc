"""`sluice doctor`: which program each tool is, what is missing and what that costs, and whether the set-up is safe."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import httpx
import psutil

from sluice.config.docker import usual_engine
from sluice.errors import SluiceError, ToolMissingError
from sluice.services import postgres, supervisord
from sluice.services.addresses import Addresses, load
from sluice.services.programs import NAMES
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from sluice.tools.programs import variable
from sluice.tools.resolve import VERSION_WORDS, resolve

Level = Literal["good", "note", "bad"]

COST = {
    "git": "nothing can be checked out",
    "uv": "no test environments and no builds of Python projects",
    "trivy": "no scan for secrets, misconfiguration, licences and vulnerabilities; no SBOM",
    "bandit": "Python code is not scanned",
    "hadolint": "Dockerfiles are not scanned",
    "k6": "no load in the smoke test",
    "caddy": "nothing can be deployed",
    "postgres": "no embedded database; set SLUICE_DATABASE_URL",
    "pg_dump": "databases of services cannot be backed up, so not migrated",
    "node": "JavaScript tests cannot run",
    "docker": "nothing in Sluice, which speaks to the engine itself; only people need it",
    "ssh": "engines at `ssh://` cannot be reached",
}
OPTIONAL = ("pg_dump", "node", "docker", "ssh")
LEAST_FREE = 2 * 2**30  # bytes
PREFECT_LOWEST = (3, 6, 25)  # below: known holes


@dataclass(frozen=True)
class ToolReport:
    """One finding of the doctor.

    Attributes:
        kind: `tool` or `check`.
        level: `good`; `note`: works, with a cost; `bad`: something will not work or is not safe.
        detail: version and source of a tool, or what was found.
        cost: what it means when the level is not `good`, and what to do.
    """

    kind: Literal["tool", "check"]
    name: str
    level: Level
    detail: str
    path: str = ""
    cost: str = ""


def doctor(settings: Settings) -> tuple[ToolReport, ...]:
    """Look at everything once; nothing is changed."""
    return (*(_tool(name, settings) for name in VERSION_WORDS), *_checks(settings))


def _tool(name: str, settings: Settings) -> ToolReport:
    missing: Level = "note" if name in OPTIONAL else "bad"
    try:
        tool = resolve(name, settings.home)
    except ToolMissingError as error:
        return ToolReport("tool", name, missing, "missing", "", f"{COST[name]}. {error.next_step}")
    except SluiceError as error:
        return ToolReport("tool", name, missing, "does not run", "", f"{COST[name]}. {error} Unset {variable(name)}?")
    return ToolReport("tool", name, "good", f"{tool.version} ({tool.source})", str(tool.path))


def _checks(settings: Settings) -> Iterator[ToolReport]:
    yield _root()
    yield _prefect_version()
    yield _engine()
    yield _disk(settings)
    yield _secrets(settings)
    try:
        addresses = load(settings)
    except SluiceError:
        yield ToolReport("check", "services", "note", "were never started here", "", "Run `sluice up`.")
        return
    yield _server("database", addresses.postgres_port, lambda: postgres.server_version(addresses))
    yield _server("Prefect server", addresses.prefect_port, lambda: _prefect_answers(addresses))
    yield _listeners(settings)
    yield _login(addresses)


def _server(name: str, port: int | None, version: Callable[[], str | None]) -> ToolReport:
    """Say whether a server is ours or an outside one, and whether it answers."""
    kind = "embedded" if port is not None else "outside"
    found = version()
    detail = f"{kind}, {found}" if found else f"{kind}, does not answer"
    setting = {"database": "SLUICE_DATABASE_URL", "Prefect server": "PREFECT_API_URL"}[name]
    cost = "Run `sluice up`." if port is not None else f"nothing can run: look at {setting}"
    return _check(name, "good" if found else "note" if port is not None else "bad", detail, cost)


def _prefect_answers(addresses: Addresses) -> str | None:
    try:
        return PrefectApi(addresses).version()
    except SluiceError:
        return None


def _check(name: str, level: Level, detail: str, cost: str = "") -> ToolReport:
    return ToolReport("check", name, level, detail, "", "" if level == "good" else cost)


def _root() -> ToolReport:
    if os.geteuid() != 0:
        return _check("user", "good", "not root")
    return _check("user", "note", "root", "tests and replicas run as root: use a user of its own for work that counts")


def _prefect_version() -> ToolReport:
    from importlib.metadata import version

    found = version("prefect")
    numbers = tuple(int(part) for part in found.split(".")[:3] if part.isdigit())
    level: Level = "good" if numbers >= PREFECT_LOWEST else "bad"
    return _check("Prefect", level, found, "below 3.6.25 it has known holes: install what requirements.txt pins")


def _engine() -> ToolReport:
    from sluice.tools.docker import engine  # the SDK takes long to import

    address, found = usual_engine(), engine.version()
    cost = "images cannot be built and targets `docker` not used: start the engine, or set DOCKER_HOST"
    detail = f"{found} at {address}" if found else f"does not answer at {address}"
    return _check("Docker engine", "good" if found else "note", detail, cost)


def _disk(settings: Settings) -> ToolReport:
    place = settings.home.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    level: Level = "good" if free >= LEAST_FREE else "bad"
    return _check("disk", level, f"{free / 2**30:.1f} GiB free at {place}", "runs will fail for want of space")


def _secrets(settings: Settings) -> ToolReport:
    folder = settings.home.secrets
    if not folder.exists():
        return _check("secrets", "good", "none yet")
    files = [path for path in folder.iterdir() if path.is_file()]
    open_ones = [path.name for path in [folder, *files] if stat.S_IMODE(path.stat().st_mode) & 0o077]
    detail = f"{len(files)} files, for their owner only" if not open_ones else f"open to others: {', '.join(open_ones)}"
    return _check("secrets", "bad" if open_ones else "good", detail, f"chmod -R go= {folder}")


def _listeners(settings: Settings) -> ToolReport:
    """Look at what our services really listen on, not at what they were told."""
    wide: list[str] = []
    count = 0
    for name, pid in _pids(settings):
        for connection in _connections(pid):
            count += 1
            if connection not in ("127.0.0.1", "::1"):
                wide.append(f"{name} on {connection}")
    if not count:
        return _check("addresses", "note", "nothing listens", "Run `sluice up`.")
    detail = f"all {count} listen on 127.0.0.1" if not wide else "reachable from elsewhere: " + ", ".join(wide)
    return _check("addresses", "bad" if wide else "good", detail, "whoever reaches Prefect's API can run code here")


def _pids(settings: Settings) -> list[tuple[str, int]]:
    try:
        processes = supervisord.supervisor_of(settings.home).processes()
    except SluiceError:
        return []
    return [(info.name, info.pid) for info in processes if info.pid and info.group in NAMES]


def _connections(pid: int) -> list[str]:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        found = [c for process in family for c in process.net_connections(kind="tcp")]
    except psutil.Error:
        return []
    return [str(c.laddr.ip) for c in found if c.status == psutil.CONN_LISTEN and c.laddr]


def _login(addresses: Addresses) -> ToolReport:
    """Ask Prefect's API without a login: it must refuse."""
    try:
        answer = httpx.get(f"{addresses.prefect_api_url}/admin/version", timeout=5, trust_env=False)
    except httpx.TransportError:
        return _check("Prefect login", "note", "the server does not answer", "Run `sluice up`.")
    level: Level = "good" if answer.status_code == 401 else "bad"
    detail = f"without a login the API answers {answer.status_code}"
    return _check("Prefect login", level, detail, "anybody who reaches it can run code here: set an auth string")
