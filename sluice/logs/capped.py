"""A log file that cannot fill the disk: beyond its limit only its end is kept, and what was left out is counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sluice.store.texts import storable_text

TAIL_BYTES = 64 << 10


class CappedLog:
    """Appends lines to an open file; safe from several threads. Memory stays flat however much comes.

    Args:
        limit: bytes; the file may get longer by its end (64 KiB) and two marks.
    """

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._limit = limit
        self._size = file.seek(0, 2)
        self._full = False
        self._tail: deque[bytes] = deque()
        self._tail_bytes = self._left_lines = self._left_bytes = 0
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        """Append one line (or several)."""
        data = (storable_text(line) + "\n").encode()
        with self._lock:
            if not self._full and self._size + len(data) <= self._limit:
                self._append(data)
            else:
                self._keep(data)

    def close(self) -> None:
        """Write the end of a log that was too long, and how much is missing before it."""
        with self._lock:
            if self._left_lines:
                told = f"{self._left_lines} lines ({self._left_bytes} bytes) were left out here"
                self._append(f"[{told}: the log is longer than {self._limit >> 20} MiB]\n".encode())
            for data in self._tail:
                self._append(data)
            self._tail.clear()

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        self._size += len(data)

    def _keep(self, data: bytes) -> None:
        if not self._full:
            self._full = True
            self._append(f"[longer than {self._limit >> 20} MiB: from here on only the end is kept]\n".encode())
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes > TAIL_BYTES and len(self._tail) > 1:
            left = self._tail.popleft()
            self._tail_bytes -= len(left)
            self._left_bytes += len(left)
            self._left_lines += left.count(b"\n")


_open: dict[Path, tuple[CappedLog, BinaryIO, int]] = {}
_guard = threading.Lock()


@contextmanager
def capped_log(path: Path, limit: int) -> Iterator[CappedLog]:
    """Open the log at `path` for appending; all who have it open in this process share one limit."""
    with _guard:
        if path in _open:
            log, file, users = _open[path]
        else:
            file, users = path.open("ab"), 0
            log = CappedLog(file, limit)
        _open[path] = (log, file, users + 1)
    try:
        yield log
    finally:
        with _guard:
            _, _, users = _open[path]
            _open[path] = (log, file, users - 1)
            if users == 1:
                del _open[path]
                try:
                    log.close()
                finally:
                    file.close()
