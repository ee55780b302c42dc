"""What makes a report unbelievable, with the limits that are kept."""

from __future__ import annotations

MAX_BYTES = 100 << 20  # of all report files of one execution together
MAX_DEPTH = 100
MAX_ATTRIBUTES = 256
MAX_VALUE = 1 << 20  # characters of one attribute, or of one text that is kept
MAX_CASES = 1_000_000  # rows that are written; more are counted
NAME_LIMIT = 2000  # characters of a name; longer ones end in their SHA-256
MESSAGE_LIMIT = 2000
DETAIL_LIMIT = 16_000
SHOWN = 80


class ReportError(ValueError):
    """A report that cannot be believed; `code` is one of the table in docs/reports.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def shown(text: str | bytes) -> str:
    """Return foreign text as it may stand in a message: escaped, at most 80 characters, in quotes."""
    decoded = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    return ascii(decoded if len(decoded) <= SHOWN else decoded[: SHOWN - 3] + "...")


def size_text(size: int) -> str:
    """Return bytes as people read them."""
    for unit, step in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"


def middle_cut(text: str, limit: int = DETAIL_LIMIT) -> str:
    """Return `text` without its middle when it is longer than `limit`: the end of a trace says most."""
    if len(text) <= limit:
        return text
    head = limit // 4
    tail = limit - head
    return f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[-tail:]}"
