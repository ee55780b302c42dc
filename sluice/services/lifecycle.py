"""`sluice up` and `sluice down`: idempotent, one at a time for each home."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import filelock

from sluice.errors import InfrastructureError, SluiceError
from sluice.services import sockets, supervisord, warm_client
from sluice.services.addresses import Addresses, load
from sluice.services.fingerprint import fingerprint
from sluice.services.launcher import STAND_ALONE
from sluice.services.leftovers import end_leftovers
from sluice.services.programs import NAMES, POSTGRES, PREFECT
from sluice.services.startup import Startup
from sluice.settings import Home, Settings
from sluice.tools.prefect_api import PrefectApi

Report = Callable[[str], None]

LOCK_SECONDS = 180.0
may_start = True  # a fork of the warm process may not: services that it started would be its children, and end with it


def up(settings: Settings, report: Report) -> Addresses:
    """Start what does not run, wait until everything is ready, and return where it is.

    Args:
        settings: home, outside servers, fixed ports.
        report: gets a line as each step is done.

    Raises:
        PortTakenError: another program holds a port of ours.
        ServiceFailedError: a service does not get ready; the last lines of its log are in the error.
    """
    began = time.monotonic()
    with alone(settings.home):
        addresses = Startup(settings, report).run()
    report(f"everything is up ({time.monotonic() - began:.1f} s)")
    return addresses


def ensure_up(settings: Settings, report: Report) -> Addresses:
    """Return the addresses at once when everything is up and runs today's code; else do what :func:`up` does.

    Where services may not be started this ends the process, and whoever forked it starts over in one of its own.
    """
    current = _current(settings)
    if current is None and not may_start:
        raise SystemExit(STAND_ALONE)
    return current or up(settings, report)


def down(settings: Settings, report: Report, *, purge: bool = False) -> None:
    """Stop all services and replicas, the newest first; with `purge`, remove the home and all that is in it.

    Runs that go on are told to end and clean up after themselves. Nothing happens when nothing runs.
    """
    home = settings.home
    if not home.root.exists():
        report(
            f"nothing runs and nothing is there to remove: {home.root} does not exist (SLUICE_HOME names another place)"
        )
        return
    with alone(home):
        supervisor = supervisord.supervisor_of(home)
        if supervisor.pid() is not None:
            supervisord.stop(supervisor)
            report("all services are stopped")
        left = end_leftovers(home)
        if left:
            report(f"{left} processes of killed services are ended")
        if purge:
            _purge(home)
            report(f"{home.root} is removed")


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the home against another `up` or `down`.

    Raises:
        InfrastructureError: `BUSY`: another one still works after three minutes.
    """
    home.make()
    home.root.chmod(0o700)
    lock = filelock.FileLock(home.root / "services.lock", timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise InfrastructureError(
            "another `sluice up` or `sluice down` is at work", code="BUSY", where=str(home.root)
        ) from error
    try:
        yield
    finally:
        lock.release()


def _current(settings: Settings) -> Addresses | None:
    try:
        addresses = load(settings)
        processes = supervisord.supervisor_of(settings.home).processes()
    except SluiceError:
        return None
    wanted = set(NAMES)
    wanted -= {POSTGRES} if addresses.postgres_port is None else set()
    wanted -= {PREFECT} if addresses.prefect_port is None else set()
    running = {info.name for info in processes if info.state == "RUNNING"}
    state = warm_client.ask(addresses.warm_socket)
    if not wanted <= running or state is None or state.code != fingerprint():
        return None
    return addresses if PrefectApi(addresses).healthy() else None


def _purge(home: Home) -> None:
    from sluice.targets.process import remove_limits  # only who removes everything waits for its import

    sockets.forget(home)
    remove_limits(home)
    shutil.rmtree(home.root)
