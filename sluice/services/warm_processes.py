"""The children of the warm process, and what they leave behind."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
MARK = "SLUICE_WARM_SOCKET"  # in the environment of every program that a flow starts
MODULE = "sluice.services.warm"
ROUNDS = 20  # of ending left-overs: each round may bring their children to us


@dataclass
class Child:
    """One forked child; `connection` leads to its launcher, and is None once that is gone.

    An `interactive` one is a person's program: every signal is for itself to answer.
    """

    pid: int
    connection: socket.socket | None
    interactive: bool = False
    told_at: float | None = field(default=None)

    def tell(self, answer: dict[str, int]) -> None:
        """Send one line to the launcher; a launcher that died needs none."""
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.sendall(json.dumps(answer).encode() + b"\n")

    def end(self, number: signal.Signals) -> None:
        """Send the first signal that asks for the end; a second one would break the child's clean-up."""
        if self.told_at is None:
            self.told_at = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def hear(self, number: signal.Signals) -> None:
        """Hand on a signal from the launcher."""
        if not self.interactive:
            self.end(number)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """KILL the child, which leads its own session, with its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Get SIGTERM when process `parent` ends; at once, when it has ended already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def end_leftovers(spare: Collection[int]) -> None:
    """KILL every child of ours that is not in `spare`, with all its descendants.

    A child of a live run is never among them: runs adopt their own orphans.
    """
    me = psutil.Process()
    for _ in range(ROUNDS):
        left = [process for process in me.children() if process.pid not in spare and _alive(process)]
        if not left:
            return
        for process in left:
            for member in [process, *_descendants(process)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
        time.sleep(0.01)


def end_strays(mark: str) -> int:
    """KILL what an earlier warm process left behind when it was killed itself; return how many.

    Those are processes that carry `mark` in their environment and have lost the flow that started them. A flow that
    still cleans up is a fork of ours: its programs are left to it.
    """
    killed = 0
    for process in psutil.process_iter():
        if process.pid != os.getpid() and _carries(process, mark):
            with contextlib.suppress(psutil.Error):
                parent = process.parent()
                if parent is None or not (_carries(parent, mark) or MODULE in parent.cmdline()):
                    process.kill()
                    killed += 1
    return killed


def _carries(process: psutil.Process, mark: str) -> bool:
    """Tell whether the mark is in the environment; one that cannot be read is another user's, or the system's."""
    try:
        return process.environ().get(MARK) == mark
    except psutil.Error:
        return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
