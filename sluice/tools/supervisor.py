"""supervisord, the process manager: programs are added, observed and removed while it runs, over its unix socket."""

from __future__ import annotations

import http.client
import shutil
import signal
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sluice.errors import InfrastructureError
from sluice.services.credentials import write_private
from sluice.services.unix_rpc import UnixTransport
from sluice.targets.base import Program
from sluice.tools.supervisor_conf import ServiceProgram, conf_value, group_files

__all__ = ["ProcessInfo", "ServiceProgram", "Supervisor", "SupervisorError", "conf_value"]

RPC_SECONDS = 10.0
ALIVE = ("STARTING", "RUNNING", "STOPPING", "BACKOFF")


class SupervisorError(InfrastructureError):
    """The process manager does not answer, or refused what it was asked for."""

    code = "SUPERVISOR"
    next_step = "`sluice up` starts it again; `sluice status` shows what runs."


@dataclass(frozen=True)
class ProcessInfo:
    """A program as supervisord sees it.

    Attributes:
        state: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN.
        pid: process id; None when it does not run.
        exit_status: of its last end; 0 before that.
        restarts: starts after the first.
        problem: why it could not be started, in supervisord's words.
    """

    name: str
    group: str
    state: str
    pid: int | None
    started_at: datetime | None
    exit_status: int
    restarts: int
    problem: str


class Supervisor:
    """A running supervisord.

    Args:
        socket_path: its unix socket.
        folder: where its configuration is; `conf.d/<group>.conf` below it are the groups.
    """

    def __init__(self, socket_path: Path, folder: Path | None = None) -> None:
        self.socket = socket_path
        self.folder = folder or socket_path.parent
        self.groups = self.folder / "conf.d"

    def pid(self) -> int | None:
        """Return supervisord's own process id; None when it does not answer."""
        try:
            return int(self._call("supervisor.getPID"))
        except SupervisorError:
            return None

    def version(self) -> str:
        """Return supervisord's version."""
        return str(self._call("supervisor.getSupervisorVersion"))

    def processes(self) -> tuple[ProcessInfo, ...]:
        """Return all programs of all groups."""
        return tuple(self._info(raw) for raw in self._call("supervisor.getAllProcessInfo"))

    def write_group(self, name: str, programs: Sequence[Program]) -> None:
        """Write down a group for the next start of supervisord."""
        for path, text in group_files(self.groups, name, programs).items():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, text)
        for starts in (self.groups / name).glob("*.starts"):
            starts.unlink()

    def differs(self, name: str, programs: Sequence[Program]) -> bool:
        """Tell whether the group is written down otherwise, or not at all."""
        files = group_files(self.groups, name, programs)
        return any(not path.exists() or path.read_text(encoding="utf-8") != text for path, text in files.items())

    def add_group(self, name: str, programs: Sequence[Program]) -> None:
        """Write down and start a group of programs; a group of that name is replaced."""
        self.write_group(name, programs)
        self._call("supervisor.reloadConfig")
        if not self._call("supervisor.addProcessGroup", name, accept=("ALREADY_ADDED",)):
            self._take_out(name)
            self._call("supervisor.addProcessGroup", name)

    def remove_group(self, name: str) -> None:
        """Stop all programs of a group and forget it; nothing happens when there is none."""
        (self.groups / f"{name}.conf").unlink(missing_ok=True)
        self._take_out(name)
        self._call("supervisor.reloadConfig")
        shutil.rmtree(self.groups / name, ignore_errors=True)

    def start(self, name: str, group: str | None = None) -> None:
        """Start one program and wait until it counts as started."""
        self._call("supervisor.startProcess", f"{group or name}:{name}", accept=("ALREADY_STARTED",))

    def stop(self, name: str, group: str | None = None) -> None:
        """Stop one program and wait for its end."""
        self._call("supervisor.stopProcess", f"{group or name}:{name}", accept=("NOT_RUNNING",), seconds=120)

    def restart(self, name: str, group: str | None = None) -> None:
        """Stop and start one program."""
        self.stop(name, group)
        self.start(name, group)

    def signal(self, name: str, which: signal.Signals, group: str | None = None) -> None:
        """Send a signal to one program."""
        self._call("supervisor.signalProcess", f"{group or name}:{name}", which.name, accept=("NOT_RUNNING",))

    def shutdown(self) -> None:
        """Ask supervisord to stop all programs, the highest priority number first, and to end; returns at once."""
        self._call("supervisor.shutdown", accept=("SHUTDOWN_STATE",))

    def _take_out(self, name: str) -> None:
        if self._call("supervisor.stopProcessGroup", name, accept=("BAD_NAME",), seconds=120) is not False:
            deadline = time.monotonic() + RPC_SECONDS
            while self._call("supervisor.removeProcessGroup", name, accept=("STILL_RUNNING", "BAD_NAME")) is False:
                if time.monotonic() > deadline or name not in {info.group for info in self.processes()}:
                    return
                time.sleep(0.05)

    def _info(self, raw: Mapping[str, Any]) -> ProcessInfo:
        alive = raw["statename"] in ALIVE and raw["pid"]
        starts = self.groups / str(raw["group"]) / f"{raw['name']}.starts"
        return ProcessInfo(
            name=str(raw["name"]),
            group=str(raw["group"]),
            state=str(raw["statename"]),
            pid=int(raw["pid"]) if alive else None,
            started_at=datetime.fromtimestamp(raw["start"], UTC) if alive else None,
            exit_status=int(raw["exitstatus"]),
            restarts=max(0, _size(starts) - 1),
            problem=str(raw["spawnerr"]),
        )

    def _call(self, method: str, *words: object, accept: Sequence[str] = (), seconds: float = RPC_SECONDS) -> Any:
        """Call a method; return False for a fault whose name is in `accept`."""
        transport = UnixTransport(self.socket, seconds)
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            try:
                return getattr(server, method)(*words)
            except xmlrpc.client.Fault as fault:
                if fault.faultString.partition(":")[0] in accept:
                    return False
                raise SupervisorError(
                    f"{method.partition('.')[2]} failed", where=str(words), found=fault.faultString
                ) from fault
            except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
                raise SupervisorError(
                    "the process manager does not answer", code="SUPERVISOR_DOWN", where=str(self.socket), found=error
                ) from error


def _size(path: Path) -> int:
    """Return a file's size in bytes; 0 where there is none: its group may be removed while we look."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
