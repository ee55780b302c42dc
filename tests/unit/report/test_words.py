"""Text of strangers acts nowhere, and stays readable."""

from __future__ import annotations

import pytest

from sluice.report.words import plain, several, short, uncoloured


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode 漢字 🙂\n\tindented", "plain, ünïcode 漢字 🙂\n\tindented"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]8;;https://evil.example\x07click", "␛]8;;https://evil.example␇click"),
        ("a\u202etxt.exe\u2066", "a<U+202E>txt.exe<U+2066>"),
        ("\x00\x08\x7f\x9b\udc80", "␀␈␡\ufffd\ufffd"),
        ("one\r\ntwo\rthree", "one\ntwo␍three"),
    ],
)
def test_controls_are_shown_as_what_they_are(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_colours_of_a_log_are_left_out_and_nothing_else_of_it() -> None:
    assert uncoloured("\x1b[1;31mE  1 != 2\x1b[0m \x1b]0;title\x07end \x1bc") == "E  1 != 2 end ␛c"


def test_digests_are_short_and_counts_have_their_noun() -> None:
    assert short(f"sha256:{'1' * 64} at {'c' * 40}, 1.2.3") == f"sha256:{'1' * 12} at {'c' * 12}, 1.2.3"
    assert [several(1, "file"), several(3, "file"), several(2, "query", "queries")] == [
        "1 file",
        "3 files",
        "2 queries",
    ]
