"""Cutting a log into pieces of whole lines, each with its place in the file."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.logs.terminal import plain
from sluice.store.texts import storable_text

CHUNK_BYTES = 32 << 10
READ_BYTES = 1 << 20  # a line that is longer is cut


@dataclass(frozen=True)
class Mark:
    """A place in a log: bytes and whole lines before it."""

    byte: int = 0
    line: int = 0


@dataclass(frozen=True)
class Chunk:
    """One piece. `raw` is None where the lines hold no terminal codes."""

    start_byte: int
    end_byte: int
    first_line: int
    lines: int
    plain: str
    raw: str | None

    @property
    def end(self) -> Mark:
        """Where the next piece begins."""
        open_line = 0 if self.plain.endswith("\n") else 1
        return Mark(self.end_byte, self.first_line + self.lines - 1 - open_line)


def cut(data: bytes, at: Mark, *, ended: bool) -> list[Chunk]:
    """Return the pieces of `data`, which lies at `at`; what is left of a last line waits for more unless `ended`."""
    chunks: list[Chunk] = []
    place = 0
    while place < len(data):
        end = _end(data, place, ended)
        if end == place:
            break
        chunk = _chunk(data[place:end], at)
        chunks.append(chunk)
        at, place = chunk.end, end
    return chunks


def _end(data: bytes, place: int, ended: bool) -> int:
    """Return where the piece that begins at `place` ends; `place` itself when its line is not whole yet."""
    if ended and len(data) - place <= CHUNK_BYTES:
        return len(data)
    end = data.rfind(b"\n", place, place + CHUNK_BYTES) + 1 or data.find(b"\n", place) + 1
    if end or ended:
        return end or len(data)
    if len(data) - place < READ_BYTES:
        return place
    end = len(data)
    while end > place + 1 and data[end - 1] & 0xC0 == 0x80:  # not within a character
        end -= 1
    return end - 1 if data[end - 1] >= 0xC0 and end > place + 1 else end


def _chunk(data: bytes, at: Mark) -> Chunk:
    text = storable_text(data.decode("utf-8", "replace"))
    bare = plain(text)
    return Chunk(
        start_byte=at.byte,
        end_byte=at.byte + len(data),
        first_line=at.line + 1,
        lines=text.count("\n") + (not text.endswith("\n")),
        plain=bare,
        raw=None if bare == text else text,
    )
