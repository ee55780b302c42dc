"""What runs: each service with its state, version, process, address, age and memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil

from sluice import __version__
from sluice.errors import SluiceError
from sluice.services import postgres, supervisord, warm_client
from sluice.services.addresses import Addresses, load
from sluice.services.programs import CADDY, NAMES, POSTGRES, PREFECT, WARM, WORKER
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from sluice.tools.resolve import resolve
from sluice.tools.supervisor import ProcessInfo

SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class ServiceStatus:
    """One service, or one replica of an application.

    Attributes:
        state: `running` (and answering), `starting`, `not answering`, `failed`, `stopped`, `outside` (an outside one
            that answers), `outside, down`.
        address: where it answers; empty for what has none.
        memory_bytes: proportional set size of its processes; None when it does not run or cannot be read.
        restarts: how often it was started again.
        problem: why it does not run; empty when it does.
    """

    name: str
    state: str
    version: str
    pid: int | None
    address: str
    started_at: datetime | None
    memory_bytes: int | None
    restarts: int
    problem: str = ""

    @property
    def good(self) -> bool:
        """Tell whether it is as it should be."""
        return self.state in ("running", "outside")


def status(settings: Settings) -> tuple[ServiceStatus, ...]:
    """Return the services in the order of their start, the process manager first, replicas last.

    Raises:
        InfrastructureError: `SERVICES_DOWN`: they were never started here.
    """
    addresses = load(settings)
    supervisor = supervisord.supervisor_of(settings.home)
    pid = supervisor.pid()
    processes = {info.name: info for info in supervisor.processes()} if pid else {}
    found = [_supervisor(pid, addresses)]
    found += [_service(name, processes.get(name), settings, addresses) for name in NAMES]
    found += [_replica(info) for info in processes.values() if info.group not in NAMES]
    return tuple(found)


def total_memory(services: tuple[ServiceStatus, ...]) -> int:
    """Return the bytes that all services together keep."""
    return sum(service.memory_bytes or 0 for service in services)


def _supervisor(pid: int | None, addresses: Addresses) -> ServiceStatus:
    return ServiceStatus(
        name=SUPERVISOR,
        state="running" if pid else "stopped",
        version=version("supervisor"),
        pid=pid,
        address=str(addresses.supervisor_socket),
        started_at=_started(pid),
        memory_bytes=memory(pid, tree=False) if pid else None,
        restarts=0,
        problem="" if pid else "Run `sluice up`.",
    )


def _service(name: str, info: ProcessInfo | None, settings: Settings, addresses: Addresses) -> ServiceStatus:
    outside = (name == POSTGRES and addresses.postgres_port is None) or (
        name == PREFECT and addresses.prefect_port is None
    )
    if outside:
        return _outside(name, addresses)
    answers = _answers(name, addresses) if info is not None and info.pid else False
    state, problem = _state(name, info, answers, settings)
    return ServiceStatus(
        name=name,
        state=state,
        version=_version(name, settings),
        pid=info.pid if info else None,
        address=_address(name, addresses),
        started_at=info.started_at if info else None,
        memory_bytes=memory(info.pid) if info and info.pid else None,
        restarts=info.restarts if info else 0,
        problem=problem,
    )


def _outside(name: str, addresses: Addresses) -> ServiceStatus:
    """Look at an outside server: its version is its own, asked of it."""
    found, problem = None, ""
    if name == POSTGRES:
        found = postgres.server_version(addresses)
        problem = "" if found else "it does not let us in: look at SLUICE_DATABASE_URL"
    else:
        try:
            found = PrefectApi(addresses).version()
        except SluiceError as error:
            problem = f"{error.code}: look at PREFECT_API_URL and PREFECT_API_AUTH_STRING"
    state = "outside" if found else "outside, down"
    return ServiceStatus(name, state, found or "", None, _address(name, addresses), None, None, 0, problem)


def _replica(info: ProcessInfo) -> ServiceStatus:
    state = "running" if info.state == "RUNNING" else info.state.lower()
    memory_bytes = memory(info.pid) if info.pid else None
    return ServiceStatus(info.name, state, "", info.pid, "", info.started_at, memory_bytes, info.restarts, info.problem)


def _state(name: str, info: ProcessInfo | None, answers: bool, settings: Settings) -> tuple[str, str]:
    log = settings.home.service_logs / f"{name}.log"
    if info is None or info.state == "STOPPED":
        return "stopped", "Run `sluice up`."
    if info.state in ("FATAL", "BACKOFF", "EXITED"):
        return "failed", f"{info.problem or 'it ended'}; see {log}"
    if answers:
        return "running", ""
    young = info.state == "STARTING" or name in (WARM, PREFECT, WORKER)
    return ("starting", "") if young else ("not answering", f"see {log}")


def _answers(name: str, addresses: Addresses) -> bool:
    if name == POSTGRES:
        return postgres.is_ready(addresses)
    if name == PREFECT:
        return PrefectApi(addresses).healthy()
    if name == CADDY:
        return caddy_answers(addresses)
    if name == WARM:
        return warm_client.ask(addresses.warm_socket) is not None
    return True  # the worker has no address; Prefect's pool page shows its heartbeat


def caddy_answers(addresses: Addresses) -> bool:
    """Tell whether the proxy's admin API answers."""
    try:
        return httpx.get(f"{addresses.caddy_admin}/config/", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _address(name: str, addresses: Addresses) -> str:
    if name == POSTGRES:
        url = httpx.URL(addresses.database_url)
        return f"{url.host}:{url.port or 5432}"
    by_name = {PREFECT: addresses.prefect_ui_url, CADDY: addresses.caddy_admin, WARM: str(addresses.warm_socket)}
    return by_name.get(name, "")


def _version(name: str, settings: Settings) -> str:
    if name in (PREFECT, WORKER):
        return version("prefect")
    if name == WARM:
        return __version__
    try:
        return resolve(name, settings.home).version
    except SluiceError:
        return "?"


def _started(pid: int | None) -> datetime | None:
    if pid is None:
        return None
    with contextlib.suppress(psutil.NoSuchProcess):
        return datetime.fromtimestamp(psutil.Process(pid).create_time()).astimezone()
    return None


def memory(pid: int, *, tree: bool = True) -> int | None:
    """Return the proportional set size in bytes of a process, with its descendants when `tree`.

    A page that several processes share counts in parts: the sum over all is what the machine gives.
    """
    try:
        process = psutil.Process(pid)
        members = [process, *(process.children(recursive=True) if tree else [])]
    except psutil.NoSuchProcess:
        return None
    sizes = [_pss(member.pid) for member in members]
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None


def _pss(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return None
