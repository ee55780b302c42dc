"""XML-RPC over a unix socket, with a time limit; supervisord's own client waits for ever."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any


class UnixTransport(xmlrpc.client.Transport):
    """Transport for :class:`xmlrpc.client.ServerProxy`; `seconds` limit each send and receive."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__()
        self._path = path
        self._seconds = seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Return a connection to the socket, whatever the host; `close` closes it."""
        connection = _UnixConnection(self._path, self._seconds)
        self._connection = (host, connection)
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.settimeout(self.timeout)
        try:
            end.connect(str(self._path))
        except OSError:
            end.close()
            raise
        self.sock = end
