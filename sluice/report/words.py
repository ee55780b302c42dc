"""Text of strangers (test names, logs, findings, commits) made harmless and visible, wherever it is shown."""

from __future__ import annotations

import re

SHORT_DIGEST = 12
_DIGEST = re.compile(r"\b[0-9a-f]{40,64}\b")
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: "\u2421"}
_C1 = dict.fromkeys(range(0x80, 0xA0), "\ufffd")
_BIDI = {code: f"<U+{code:04X}>" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_VISIBLE = _PICTURES | _C1 | _BIDI | _SURROGATES
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


def plain(text: str) -> str:
    """Return text in which nothing acts: controls of terminals and of writing direction are shown as what they are."""
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def uncoloured(text: str) -> str:
    """Return what a program printed without its colours and cursor movements, and harmless."""
    return plain(_SEQUENCES.sub("", text))


def short(words: str) -> str:
    """Return the words with every digest and commit cut to what people compare."""
    return _DIGEST.sub(lambda found: found[0][:SHORT_DIGEST], words)


def several(count: int, noun: str, plural: str = "") -> str:
    """Return `1 file`, `3 files`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
