"""The steps of `sluice up`: each brings one service to where the next can use it, and does nothing when it is there."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from sluice.errors import InfrastructureError
from sluice.services import credentials, postgres, registration, sockets, supervisord, warm_client
from sluice.services.addresses import Addresses, choose, port_wish
from sluice.services.fingerprint import fingerprint
from sluice.services.leftovers import end_leftovers
from sluice.services.ports import refuse_stranger
from sluice.services.programs import CADDY, NAMES, POSTGRES, PREFECT, WARM, WORKER, programs, write_caddy_config
from sluice.services.reader import let_reader_in
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from sluice.tools.supervisor import ProcessInfo, Supervisor

Report = Callable[[str], None]

# Seconds until it is ready: many times what it takes, as what ends by itself is seen at once.
LIMITS = {POSTGRES: 120.0, CADDY: 60.0, PREFECT: 300.0, WARM: 300.0, WORKER: 120.0}
POLL_SECONDS, TELL_SECONDS = 0.1, 20.0
FAILED_STARTS = 3
TAIL_LINES = 12


class ServiceFailedError(InfrastructureError):
    """A service ends again and again, or does not get ready."""

    code = "SERVICE_FAILED"


class Startup:
    """One `sluice up`. :meth:`run` is the order of the steps."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings = settings
        self.home = settings.home
        self.report = report
        self.supervisor: Supervisor = supervisord.supervisor_of(self.home)
        self.restarts: dict[str, int] = {}

    def run(self) -> Addresses:
        """Bring everything up; return where it is."""
        sockets.make(self.home)
        alive = self.supervisor.pid() is not None
        if not alive:
            end_leftovers(self.home)
        running = {name for name, info in self.services().items() if info.pid} if alive else set()
        self.addresses = choose(self.settings, running)
        self.api = PrefectApi(self.addresses)
        self.programs = programs(self.settings, self.addresses, credentials.make(self.home))
        for name in (POSTGRES, PREFECT):
            if name not in self.programs:
                self.report(f"{name}: an outside one is used")
        if not alive:
            self._first_steps()
        self._drop_replaced()
        self._ensure(CADDY)
        self._ensure(WARM)
        self._databases()
        for name in (PREFECT, WORKER):
            self._ensure(name)
        self._migrate()
        self._prefect()
        self._warm()
        if registration.register(self.api, self.settings, self.addresses):
            self.report("blocks and deployments: registered")
        self._worker()
        self._caddy()
        return self.addresses

    def services(self) -> dict[str, ProcessInfo]:
        """Return name → what supervisord says of each service."""
        return {info.name: info for info in self.supervisor.processes() if info.group in NAMES}

    def _first_steps(self) -> None:
        """Write down what can run at once and start the process manager, which starts it."""
        note = write_caddy_config(self.home)
        if note:
            self.report(note)
        self.home.prefect.mkdir(parents=True, exist_ok=True, mode=0o700)
        ready = POSTGRES not in self.programs or (self.home.postgres / "PG_VERSION").exists()
        if ready and POSTGRES in self.programs:
            postgres.prepare(self.home)
        for name, program in self.programs.items():
            if ready or name in (CADDY, WARM):
                self.supervisor.write_group(name, [program])
        self.supervisor = supervisord.start(self.home)

    def _drop_replaced(self) -> None:
        """Stop the services that a setting has replaced by an outside one."""
        for name in set(self.services()) - set(self.programs):
            self.supervisor.remove_group(name)
            self.report(f"{name}: the embedded one is stopped")

    def _ensure(self, name: str) -> None:
        """Have the program run as it is described now; a change waits for the end of the runs it would kill."""
        program = self.programs.get(name)
        if program is None:
            return
        info = self.services().get(name)
        self.restarts[name] = info.restarts if info else 0
        if info is None:
            self.supervisor.add_group(name, [program])
        elif self.supervisor.differs(name, [program]):
            state = warm_client.ask(self.addresses.warm_socket)
            if name in (WARM, WORKER) and state is not None and state.children:
                self.report(f"{name}: stays as it is while {state.children} runs go on; `sluice up` again later")
                return
            self.supervisor.add_group(name, [program])
        elif info.pid is None:
            self.supervisor.start(name)

    def _databases(self) -> None:
        if POSTGRES in self.programs:
            if postgres.prepare(self.home):
                self.report("Postgres: data directory made")
            self._ensure(POSTGRES)
            self._wait(POSTGRES, lambda: postgres.is_ready(self.addresses))
            postgres.make_databases(self.addresses)
        elif self.addresses.prefect_database_url is not None:
            postgres.make_prefect_database(self.addresses)

    def _migrate(self) -> None:
        if find_spec("sluice.store.migrate") is not None:
            import_module("sluice.store.migrate").upgrade(self.addresses.database_url)
        if POSTGRES in self.programs:
            let_reader_in(self.addresses.database_url, credentials.make_reader_password(self.home))

    def _prefect(self) -> None:
        self._wait(PREFECT, self.api.healthy)
        if registration.make_pool(self.api, self.settings, self.addresses):
            self.report(f"work pool {self.settings.work_pool}: ready")

    def _warm(self) -> None:
        self._wait(WARM, lambda: warm_client.ask(self.addresses.warm_socket) is not None)
        state = warm_client.ask(self.addresses.warm_socket)
        if state is not None and state.code != fingerprint():
            self.supervisor.signal(WARM, signal.SIGHUP)
            self.report("warm process: loads the changed code")
            self._wait(WARM, lambda: self._has_left(state.code))

    def _has_left(self, old: str) -> bool:
        state = warm_client.ask(self.addresses.warm_socket, seconds=10)
        return state is not None and state.code != old

    def _worker(self) -> None:
        started = self.services()[WORKER].started_at

        def reported() -> bool:
            return started is not None and registration.worker_reported(self.api, self.settings, started)

        self._wait(WORKER, reported)

    def _caddy(self) -> None:
        import httpx

        def answers() -> bool:
            try:
                return httpx.get(f"{self.addresses.caddy_admin}/config/", timeout=5, trust_env=False).is_success
            except httpx.TransportError:
                return False

        self._wait(CADDY, answers)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Return once `ready` says so, and it is our program that answered.

        Raises:
            PortTakenError: another program has its port.
            ServiceFailedError: the program keeps ending, or time is over.
        """
        began = told = time.monotonic()
        while not ready():
            self._refuse_failed(name, time.monotonic() - began)
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                self.report(f"{name}: not ready after {told - began:.0f} s, still waiting (at most {LIMITS[name]:.0f})")
            time.sleep(POLL_SECONDS)
        self._refuse_stranger(name)
        waited = time.monotonic() - began
        self.report(f"{name}: ready" + (f" after {waited:.1f} s" if waited >= POLL_SECONDS else ""))

    def _refuse_failed(self, name: str, waited: float) -> None:
        info = self.services().get(name)
        late = waited > LIMITS[name]
        ends = info is not None and info.restarts - self.restarts.get(name, 0) >= FAILED_STARTS
        if not (late or ends or (info is not None and info.state == "FATAL")):
            return
        self._refuse_stranger(name)
        log = self.home.service_logs / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if log.exists() else []
        raise ServiceFailedError(
            f"{name} is not ready after {waited:.0f} s" if late else f"{name} ends as soon as it starts",
            where=str(log),
            found=info.state if info else "an outside server that does not answer",
            next_step="Its last lines:\n" + "\n".join(lines),
        )

    def _refuse_stranger(self, name: str) -> None:
        ports = {
            POSTGRES: self.addresses.postgres_port,
            PREFECT: self.addresses.prefect_port,
            CADDY: self.addresses.caddy_port,
        }
        port, info = ports.get(name), self.services().get(name)
        if port is not None and info is not None:
            refuse_stranger(port_wish(name, port, port, port), port, info.pid)
