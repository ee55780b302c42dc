"""A session with the engine in which a build may ask for secrets: no file, command line or variable ever holds one.

`POST /session` turns a connection round: from then on the engine asks, by gRPC over HTTP/2, and we answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol
from uuid import uuid4

from docker import DockerClient
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from sluice.command import LineSink
from sluice.errors import TransientError
from sluice.tools.docker.trace import read

SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"  # noqa: S105 - a method's name
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"  # HealthCheckResponse
OK, NOT_FOUND, UNIMPLEMENTED = "0", "5", "12"  # statuses of gRPC
CHUNK = 1 << 16
REQUEST_LIMIT = 1 << 16  # bytes of one question


class Connection(Protocol):
    """A connection that was turned round."""

    def sendall(self, data: bytes, /) -> object:
        """Send all of it."""


@contextmanager
def handing_out(client: DockerClient, secrets: Mapping[str, str], log: LineSink) -> Iterator[str]:
    """Yield the id of a session in which the engine is given these secrets, by their names.

    Raises:
        TransientError: the engine opens no session.
    """
    identity = uuid4().hex
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "h2c",
        "X-Docker-Expose-Session-Uuid": identity,
        "X-Docker-Expose-Session-Name": "sluice",
        "X-Docker-Expose-Session-Grpc-Method": SECRET,
    }
    api = client.api
    answer = api._post(api._url("/session"), headers=headers, stream=True)
    api._raise_for_status(answer)
    if answer.status_code != 101:
        raise TransientError("the engine opens no session", code="SESSION_REFUSED", found=answer.status_code)
    incoming = answer.raw._fp.fp  # buffered: the engine's first words may have come with the headers
    connection = incoming.raw._sock
    connection.settimeout(None)
    desk = Desk(connection, secrets, log)
    thread = threading.Thread(target=desk.serve, args=(incoming.read1,), name="secrets of a build", daemon=True)
    thread.start()
    try:
        yield identity
    finally:
        with suppress(OSError):
            connection.shutdown(2)
        thread.join()
        answer.close()


class Desk:
    """Answers what the engine asks in a session."""

    def __init__(self, connection: Connection, secrets: Mapping[str, str], log: LineSink) -> None:
        self._connection = connection
        self._secrets = secrets
        self._log = log
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._asked: dict[int, tuple[str, bytes]] = {}  # stream → method, question so far
        self._unsent: dict[int, tuple[bytes, str]] = {}  # stream → rest of the answer, status

    def serve(self, receive: Callable[[int], bytes]) -> None:
        """Answer until the connection ends."""
        self._http.initiate_connection()
        with suppress(OSError, ValueError, ProtocolError):  # closed, by us or by the engine: its build says why
            self._connection.sendall(self._http.data_to_send())
            while data := receive(CHUNK):
                for event in self._http.receive_data(data):
                    self._take(event)
                self._send()
                self._connection.sendall(self._http.data_to_send())

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            raise ProtocolError("the engine ended the session")
        if isinstance(event, RequestReceived):
            self._asked[event.stream_id] = (_path(event.headers), b"")
        elif isinstance(event, DataReceived):
            self._more(event)
        elif isinstance(event, StreamReset):
            self._asked.pop(event.stream_id, None)
            self._unsent.pop(event.stream_id, None)
        elif isinstance(event, StreamEnded):
            path, question = self._asked.pop(event.stream_id)
            body, status = self._answer(path, question)
            self._http.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/grpc")])
            self._unsent[event.stream_id] = (body, status)

    def _more(self, event: DataReceived) -> None:
        self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        path, question = self._asked[event.stream_id]
        if len(question) + len(event.data) > REQUEST_LIMIT:
            self._http.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
            raise ProtocolError("a question without an end")
        self._asked[event.stream_id] = (path, question + event.data)

    def _answer(self, path: str, question: bytes) -> tuple[bytes, str]:
        """Return the framed answer and its status."""
        if path == HEALTH:
            return _framed(SERVING), OK
        if path != SECRET:
            return b"", UNIMPLEMENTED
        name = bytes(read(question[5:]).get(1, [b""])[0]).decode("utf-8", "replace")
        if name not in self._secrets:
            return b"", NOT_FOUND
        self._log(f"handed secret {name} to the build")
        value = self._secrets[name].encode()
        return _framed(b"\x0a" + _varint(len(value)) + value), OK

    def _send(self) -> None:
        """Send what the engine has room for; it says when it has more."""
        for stream, (body, status) in list(self._unsent.items()):
            sent = 0
            while sent < len(body) and (room := self._http.local_flow_control_window(stream)) > 0:
                part = body[sent : sent + min(room, self._http.max_outbound_frame_size)]
                self._http.send_data(stream, part)
                sent += len(part)
            self._unsent[stream] = (body[sent:], status)
            if sent == len(body):
                del self._unsent[stream]
                self._http.send_headers(stream, [("grpc-status", status)], end_stream=True)


def _path(headers: Any) -> str:
    return str(dict(headers)[":path"])


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
