"""The door of the warm process: socket, requests, and handing both on when code is loaded again."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from sluice.services.warm_processes import Child

HANDOVER = "SLUICE_WARM_HANDOVER"
REQUEST_LIMIT = 16 * 1024 * 1024


def listen(path: Path) -> socket.socket:
    """Listen on a unix socket that only its owner may use."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    listener.bind(str(path))
    os.umask(mask)
    listener.listen(128)
    return listener


def receive(connection: socket.socket) -> tuple[dict[str, object], list[int]]:
    """Return a request and the descriptors that came with it.

    Raises:
        OSError, ValueError, EOFError: whoever is there speaks otherwise, or went away.
    """
    head, streams, _flags, _address = socket.recv_fds(connection, 8, 3)
    size = int.from_bytes(head, "big")
    if len(head) != 8 or size > REQUEST_LIMIT:
        raise ValueError("not a request")
    body = bytearray()
    while len(body) < size:
        part = connection.recv(min(1 << 16, size - len(body)))
        if not part:
            raise EOFError
        body += part
    return json.loads(body), list(streams)


def hand_over(listener: socket.socket, children: Mapping[int, Child]) -> str:
    """Let the sockets outlive this interpreter; return what :func:`take_over` needs to find them."""
    connections = {pid: child.connection for pid, child in children.items()}
    for end in [listener, *filter(None, connections.values())]:
        os.set_inheritable(end.fileno(), True)
    numbers = {pid: end.fileno() if end else -1 for pid, end in connections.items()}
    persons = [pid for pid, child in children.items() if child.interactive]
    return json.dumps({"listener": listener.fileno(), "children": numbers, "interactive": persons})


def take_over() -> tuple[socket.socket, dict[int, Child]] | None:
    """Return listener and children of the process that we were before; None at a first start."""
    handed = os.environ.pop(HANDOVER, None)
    if handed is None:
        return None
    state = json.loads(handed)
    children = {
        int(pid): Child(int(pid), _inherited(number), int(pid) in state.get("interactive", ()))
        for pid, number in state["children"].items()
    }
    return _inherited(state["listener"]), children  # type: ignore[return-value]


def _inherited(number: int) -> socket.socket | None:
    if number < 0:
        return None
    end = socket.socket(fileno=number)
    end.setblocking(False)
    os.set_inheritable(number, False)
    return end
