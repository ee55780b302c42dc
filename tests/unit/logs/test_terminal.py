"""Terminal codes: none in what is searched, colours only in what a terminal gets."""

from __future__ import annotations

import pytest

from sluice.logs.terminal import coloured, plain

CASES = {
    "colour": ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m"),
    "cursor": ("a\x1b[2J\x1b[3;4Hb", "ab", "ab"),
    "title": ("a\x1b]0;owned\x07b", "ab", "ab"),
    "clipboard": ("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab", "ab"),
    "unended title": ("a\x1b]0;owned\nb", "a\nb", "a\nb"),
    "device string": ("a\x1bP+q544e\x1b\\b", "ab", "ab"),
    "charset": ("a\x1b(0b", "ab", "ab"),
    "lone escape": ("a\x1b", "a", "a"),
    "bell and eight-bit codes": ("a\x07\x9b31mb\x08", "a31mb", "a31mb"),
    "progress": ("10%\r20%\tdone\n", "10% 20%\tdone\n", "10%\r20%\tdone\n"),
    "none": ("Grüße, 世界\n", "Grüße, 世界\n", "Grüße, 世界\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_codes(name: str) -> None:
    text, bare, shown = CASES[name]
    assert (plain(text), coloured(text)) == (bare, shown)
