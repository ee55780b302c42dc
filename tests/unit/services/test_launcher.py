from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from sluice.services.launcher import answers, as_json


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"words": ["sluice.cli.forked", "run", ""], "cwd": '/tmp/ä "b"\n', "interactive": True, "code": "0f"},
        {
            "env": {
                "EMPTY": "",
                "QUOTES": '"\\',
                "CONTROL": "\x01\x7f",
                "NOT UTF-8": os.fsdecode(b"\xff\xfe"),
                "ä": "😀",
            }
        },
        {"nested": [["a"], [], {"b": [False]}]},
    ],
)
def test_a_request_is_json(value: dict[str, Any]) -> None:
    assert json.loads(as_json(value)) == value
    assert as_json(value).isascii()


class Told:
    """A connection on which a text arrives in pieces, and that is closed then."""

    def __init__(self, *parts: bytes) -> None:
        self._parts: Iterator[bytes] = iter([*parts, b""])

    def recv(self, _limit: int) -> bytes:
        return next(self._parts)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_the_warm_process_tells_is_read_however_it_is_cut(size: int) -> None:
    text = b"".join(json.dumps(each).encode() + b"\n" for each in ({"pid": 4711}, {"exit": -9}))
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(answers(Told(*parts))) == [("pid", 4711), ("exit", -9)]  # type: ignore[arg-type]


def test_a_line_that_was_cut_off_tells_nothing() -> None:
    assert list(answers(Told(b'{"pid": 1}\n{"exi'))) == [("pid", 1)]  # type: ignore[arg-type]
