"""A process and all its descendants, asked of the kernel's own list of children."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

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
