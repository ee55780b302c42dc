"""Terminal codes in what programs print: taken out for search, and but for colours before a terminal sees them."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC: window titles, links, the clipboard
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"  # strings to the terminal itself
    r"|\x1b[ -/]*[0-~]?"
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r\x1b"}
_FLAT = {**_CONTROLS, ord("\r"): " "}


def plain(text: str) -> str:
    """Return `text` without terminal codes; a carriage return becomes a space."""
    if text.isprintable():
        return text
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return text.translate(_FLAT)


def coloured(text: str) -> str:
    """Return `text` as a terminal may see it: colours stay, whatever else would steer the terminal goes."""
    if text.isprintable():
        return text
    if "\x1b" in text:
        text = _ESCAPES.sub(lambda found: found[0] if _COLOUR.fullmatch(found[0]) else "", text)
    return text.translate(_CONTROLS)
