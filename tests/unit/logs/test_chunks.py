"""Pieces of a log: whole lines, numbered, and together again what was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.logs import chunks
from sluice.logs.chunks import Mark, cut

LINES = st.lists(st.text(alphabet="aé€😀\t ", max_size=40), max_size=60)


def test_lines_stay_whole_and_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 8)
    found = cut(b"one\ntwo\nthree and more\nfour", Mark(), ended=False)
    assert [(each.plain, each.first_line, each.lines) for each in found] == [
        ("one\ntwo\n", 1, 2),
        ("three and more\n", 3, 1),
    ]
    assert found[-1].end == Mark(byte=23, line=3)
    (rest,) = cut(b"four", found[-1].end, ended=True)
    assert (rest.plain, rest.start_byte, rest.end_byte, rest.first_line) == ("four", 23, 27, 4)


def test_a_line_that_goes_on_keeps_its_number() -> None:
    (first,) = cut(b"one\ntw", Mark(), ended=True)
    (second,) = cut(b"o\nthree\n", first.end, ended=True)
    assert (first.end.line, second.first_line, second.end.line) == (1, 2, 3)


def test_a_line_without_an_end_is_cut_between_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "READ_BYTES", 64)
    data = ("é" * 40).encode()[:65]
    (piece,) = cut(data, Mark(), ended=False)
    assert piece.plain == "é" * 32
    assert piece.end == Mark(byte=64, line=0)
    assert cut(data[:10], Mark(), ended=False) == []


@given(LINES, st.integers(min_value=1, max_value=50), st.booleans())
def test_nothing_is_lost_however_it_comes(lines: list[str], step: int, newline: bool) -> None:
    text = "\n".join(lines) + "\n" * newline
    data = text.encode()
    mark, parts, numbers = Mark(), [], []
    for end in [*range(step, len(data), step), len(data)]:
        for piece in cut(data[mark.byte : end], mark, ended=end == len(data)):
            parts.append(piece.plain)
            numbers += range(piece.first_line, piece.first_line + piece.lines)
            mark = piece.end
    assert "".join(parts) == text
    assert numbers == list(range(1, len(numbers) + 1))
    assert mark == Mark(len(data), text.count("\n"))


def test_what_postgres_cannot_hold_is_replaced_and_colours_are_kept_apart() -> None:
    (piece,) = cut(b"\x1b[31mred\x1b[0m \x00 \xff\n", Mark(), ended=True)
    assert (piece.plain, piece.raw) == ("red � �\n", "\x1b[31mred\x1b[0m � �\n")
    (bare,) = cut(b"plain\n", Mark(), ended=True)
    assert bare.raw is None
