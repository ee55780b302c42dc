"""Waking the worker: a run that was just asked for is looked for at once, not at the worker's next poll."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SOON = b"?"  # somebody is about to ask for a run
NOW = b"!"  # a run waits; look for it
LONGEST = 1 << 17  # bytes of a flow run that is handed over; with more parameters than that it is looked for


def wake(path: Path, flow_run: Mapping[str, Any] | None = None) -> None:
    """Tell the worker that listens at `path` that a run waits; where none does, a poll will find the run.

    Args:
        path: its socket.
        flow_run: what the server answered when it was asked for: the worker need not look for it.
    """
    told = NOW if flow_run is None else json.dumps(flow_run).encode()
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.setblocking(False)  # a worker that has a queue of calls is awake
        end.sendto(told if len(told) <= LONGEST else NOW, str(path))


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


def hear(end: socket.socket) -> Iterator[bytes]:
    """Take all calls that have come."""
    with contextlib.suppress(BlockingIOError):
        while told := end.recv(LONGEST):
            yield told
