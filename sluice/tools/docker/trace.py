"""What BuildKit tells of a build while it runs: steps and their output, as protocol buffers (StatusResponse)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sluice.command import LineSink
from sluice.records.image import BuildStep

INTERNAL = "[internal]"
FROM = re.compile(r"\[[^\]]*\] FROM ")
Fields = dict[int, list[int | bytes]]


@dataclass
class Vertex:
    """One step, as far as it is known."""

    name: str = ""
    cached: bool = False
    started: float | None = None
    ended: float | None = None
    error: str = ""


@dataclass
class Trace:
    """Collects what a build tells, and logs it line by line."""

    log: LineSink
    vertices: dict[str, Vertex] = field(default_factory=dict)
    _open_lines: dict[str, bytes] = field(default_factory=dict)

    def take(self, data: bytes) -> None:
        """Read one message."""
        fields = read(data)
        for each in fields.get(1, []):
            self._vertex(read(_bytes(each)))
        for each in fields.get(3, []):
            self._output(read(_bytes(each)))

    def steps(self) -> tuple[BuildStep, ...]:
        """Return the steps of the Dockerfile in the order in which they became known; FROM has nothing to build."""
        return tuple(
            BuildStep(
                name=each.name,
                cached=each.cached or FROM.match(each.name) is not None,
                seconds=0.0 if each.started is None or each.ended is None else max(0.0, each.ended - each.started),
            )
            for each in self.vertices.values()
            if each.name.startswith("[") and not each.name.startswith(INTERNAL)
        )

    def _vertex(self, fields: Fields) -> None:
        key = _text(fields, 1)
        vertex = self.vertices.setdefault(key, Vertex())
        vertex.name = _text(fields, 3) or vertex.name
        if vertex.started is None and 5 in fields and vertex.name:
            self.log(vertex.name)
        cached = bool(fields.get(4, [0])[0])
        if cached and not vertex.cached:
            self.log(f"{vertex.name}: CACHED")
        vertex.cached |= cached
        vertex.started = _moment(fields, 5) or vertex.started
        vertex.ended = _moment(fields, 6) or vertex.ended
        vertex.error = _text(fields, 7) or vertex.error

    def _output(self, fields: Fields) -> None:
        key = _text(fields, 1)
        text = self._open_lines.pop(key, b"") + b"".join(_bytes(part) for part in fields.get(4, []))
        *lines, rest = text.split(b"\n")
        for line in lines:
            self.log(line.decode("utf-8", "replace").rstrip("\r"))
        if rest:
            self._open_lines[key] = rest

    def flush(self) -> None:
        """Log the lines that no newline ended."""
        for rest in self._open_lines.values():
            self.log(rest.decode("utf-8", "replace"))
        self._open_lines.clear()


def read(data: bytes) -> Fields:
    """Return the fields of a protocol buffer message by number; ValueError when it is none."""
    found: Fields = {}
    for number, value in _fields(data):
        found.setdefault(number, []).append(value)
    return found


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
        elif kind == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("a protocol buffer message ends too early")
            yield number, data[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"unknown wire type {kind} in a protocol buffer message")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("a protocol buffer message ends too early")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(fields: Fields, number: int) -> str:
    return _bytes(fields.get(number, [b""])[0]).decode("utf-8", "replace")


def _moment(fields: Fields, number: int) -> float | None:
    if number not in fields:
        return None
    parts = read(_bytes(fields[number][0]))
    seconds, nanos = parts.get(1, [0])[0], parts.get(2, [0])[0]
    return float(seconds) + float(nanos) / 1e9 if isinstance(seconds, int) and isinstance(nanos, int) else None
