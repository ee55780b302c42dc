"""Characters that no XML file may hold, replaced by U+FFFD where a project asked for it (`test.repair`)."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_LONGEST_REFERENCE = 14
_DECLARED = re.compile(rb"^<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})", re.DOTALL)
_UTF8 = {b"utf-8", b"utf8", b"us-ascii", b"ascii"}
REPLACEMENT = "\ufffd"


class Repaired:
    """Reads a file of UTF-8 and yields well-formed UTF-8; `count` says how many characters were replaced.

    A file in another encoding passes through as it is.
    """

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self.count = 0
        self._file = file
        self._is_utf8 = is_utf8(head)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return the next bytes; none at the end."""
        if not self._is_utf8:
            return self._file.read(size)
        while not self._ended:
            chunk = self._file.read(size)
            self._ended = not chunk
            text = self._held + self._decoder.decode(chunk, final=self._ended)
            text, self._held = (text, "") if self._ended else _hold_back(text)
            if text:
                return self._mend(text).encode("utf-8")
        return b""

    def _mend(self, text: str) -> str:
        text, invalid = re.subn("[\udc80-\udcff]", REPLACEMENT, text)
        text, illegal = _ILLEGAL.subn(REPLACEMENT, text)
        self.count += invalid + illegal
        return _REFERENCE.sub(self._reference, text) if "&#" in text else text

    def _reference(self, match: re.Match[str]) -> str:
        number = int(match[1], 16) if match[1] else int(match[2])
        if number in (9, 10, 13) or 32 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000:
            return match[0]
        self.count += 1
        return REPLACEMENT


def is_utf8(head: bytes) -> bool:
    """Tell whether a file that begins so is UTF-8: it says so, or says nothing and is no UTF-16."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head[:2] in (b"<\0", b"\0<"):
        return False
    declared = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8))
    return declared is None or declared[1].lower() in _UTF8


def _hold_back(text: str) -> tuple[str, str]:
    """Return the text and the beginning of a reference at its end, which the next chunk completes."""
    at = text.rfind("&", -_LONGEST_REFERENCE)
    return (text[:at], text[at:]) if at >= 0 and ";" not in text[at:] else (text, "")
