"""Waking the worker: a run that was just asked for is looked for at once, not at the worker's next poll."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path


def wake(path: Path) -> None:
    """Tell the worker that listens at `path` that a run waits; where none does, a poll will find the run."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.setblocking(False)  # a worker that has a queue of calls is awake
        end.sendto(b"!", str(path))


def listen(path: Path) -> socket.socket:
    """Return the socket that :func:`wake` sends to; only its owner may use it."""
    path.unlink(missing_ok=True)
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.setblocking(False)
    mask = os.umask(0o177)
    try:
        end.bind(str(path))
    finally:
        os.umask(mask)
    return end


def hear(end: socket.socket) -> None:
    """Take all calls that have come: one look answers them together."""
    with contextlib.suppress(BlockingIOError):
        while end.recv(16):
            pass
