"""A process and all its descendants, asked of the kernel's own list of children: who they are, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

KILL_GRACE_SECONDS = 10.0
# Linux can be built without it; psutil then reads every process of the machine instead, 5 ms a time.
_LISTED = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()


def family(pid: int) -> list[psutil.Process]:
    """Return process `pid` and its descendants, parents first; empty when it is gone."""
    if not _LISTED:
        return _family_by_psutil(pid)
    found: list[psutil.Process] = []
    left = [pid]
    for each in left:
        try:
            found.append(psutil.Process(each))
            left += _children(each)
        except (psutil.NoSuchProcess, OSError):  # it ended while we looked
            continue
    return found


def _children(pid: int) -> list[int]:
    """Return the children of all threads of a process: each thread lists those that it forked."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # the thread ended; its children are another thread's by now
            found += map(int, (thread / "children").read_text().split())
    return found


def _family_by_psutil(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_tree(pid: int, grace: float = KILL_GRACE_SECONDS) -> None:
    """TERM, then after `grace` seconds KILL, process `pid`, its group and all its descendants."""
    members = family(pid)
    _signal_group(pid, signal.SIGTERM, members)
    _gone, alive = psutil.wait_procs(members, timeout=grace)
    if alive or group_alive(pid):
        _signal_group(pid, signal.SIGKILL, alive)


def group_alive(pgid: int) -> bool:
    """Tell whether a process of the group is left."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal_group(pid: int, number: signal.Signals, members: list[psutil.Process]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
    for process in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
