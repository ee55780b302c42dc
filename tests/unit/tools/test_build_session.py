"""The desk that hands secrets to a build, spoken to as an engine speaks: HTTP/2 frames, no socket."""

from __future__ import annotations

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, TrailersReceived

from sluice.tools.docker.session import HEALTH, SECRET, Desk

BIG = "b" * 200_000  # more than a stream's window, and more than a frame
Answers = dict[int, tuple[bytes, str]]


class Caller:
    """The engine's end: asks everything at once, reads, and gives room as it reads."""

    def __init__(self, *questions: tuple[str, bytes]) -> None:
        self.http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.http.initiate_connection()
        self.answers: Answers = {}
        for path, question in questions:
            stream = self.http.get_next_available_stream_id()
            named = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
            self.http.send_headers(stream, [*named, ("content-type", "application/grpc")])
            self.http.send_data(stream, b"\0" + len(question).to_bytes(4, "big") + question, end_stream=True)
            self.answers[stream] = (b"", "")

    def receive(self, _size: int) -> bytes:
        """What the desk reads; nothing once there is nothing to say: the connection ends."""
        return self.http.data_to_send()

    def sendall(self, data: bytes) -> None:
        """What the desk answers."""
        for event in self.http.receive_data(data):
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            assert (":status", "200") in event.headers
        if isinstance(event, DataReceived):
            body, status = self.answers[event.stream_id]
            self.answers[event.stream_id] = (body + event.data, status)
            self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if isinstance(event, TrailersReceived):
            body, _ = self.answers[event.stream_id]
            self.answers[event.stream_id] = (body, dict(event.headers)["grpc-status"])


def ask(*questions: tuple[str, bytes]) -> tuple[list[tuple[bytes, str]], list[str]]:
    """Return the answers and what was logged."""
    caller, lines = Caller(*questions), list[str]()
    Desk(caller, {"npmrc": "wörd", "big": BIG}, lines.append).serve(caller.receive)
    return list(caller.answers.values()), lines


def test_a_declared_secret_is_handed_out_whole_and_only_its_name_is_logged() -> None:
    value = "wörd".encode()
    answers, lines = ask((SECRET, b"\x0a\x05npmrc"), (HEALTH, b""), (SECRET, b"\x0a\x03big"))
    assert answers[0] == (b"\0\0\0\0\x07\x0a\x05" + value, "0")
    assert answers[1] == (b"\0\0\0\0\x02\x08\x01", "0")
    message = b"\x0a" + b"\xc0\x9a\x0c" + BIG.encode()
    assert answers[2] == (b"\0" + len(message).to_bytes(4, "big") + message, "0")
    assert lines == ["handed secret npmrc to the build", "handed secret big to the build"]


@pytest.mark.parametrize(
    ("path", "question", "status"),
    [(SECRET, b"\x0a\x05other", "5"), (SECRET, b"", "5"), ("/moby.filesync.v1.FileSync/DiffCopy", b"", "12")],
)
def test_nothing_else_is_handed_out(path: str, question: bytes, status: str) -> None:
    assert ask((path, question)) == ([(b"", status)], [])


def test_bytes_that_are_no_http_2_end_the_session() -> None:
    caller = Caller()
    Desk(caller, {"npmrc": "word"}, print).serve(lambda _size: b"GET / HTTP/1.1\r\n\r\n" * 9)
    assert caller.answers == {}
