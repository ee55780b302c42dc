"""Asking the warm process how it is."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WarmState:
    """What the warm process says of itself: its pid, the digest of the code it loaded, how many runs it has."""

    pid: int
    code: str
    children: int


def ask(path: Path, seconds: float = 2.0) -> WarmState | None:
    """Return the state of the warm process; None when it is down or still loading."""
    request = b"{}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(len(request).to_bytes(8, "big") + request)
            with connection.makefile("rb") as answers:
                answer = json.loads(answers.readline() or b"null")
    except (OSError, ValueError):
        return None
    return WarmState(**answer) if answer else None
