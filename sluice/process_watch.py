"""What is seen of a process while it runs: its output, line by line, and what its tree needs."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

import psutil

from sluice.process_tree import family

LineSink = Callable[[str], None]

LINE_LIMIT = 64 * 1024  # bytes of one line that are kept
SAMPLE_SECONDS = 0.1


class Capture:
    """Reads a pipe line by line: hands each line to the log, keeps a bounded amount."""

    def __init__(self, log: LineSink | None, keep: int) -> None:
        self._log = log
        self._limit = keep
        self._lines: deque[bytes] = deque()
        self._size = 0
        self.truncated = False

    def read(self, pipe: BinaryIO) -> None:
        with pipe:
            while line := pipe.readline(LINE_LIMIT):
                self._keep(line)
                if self._log is not None:
                    self._log(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _keep(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        while self._size > self._limit:
            self._size -= len(self._lines.popleft())
            self.truncated = True

    def text(self) -> str:
        return b"".join(self._lines).decode("utf-8", "replace")


class Meter(threading.Thread):
    """Samples resident memory and CPU time of a process tree until stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._stopped = threading.Event()
        self._cpu: dict[int, float] = {}
        self.peak_bytes = 0

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu.values())

    def run(self) -> None:
        while True:
            self._sample()
            if self._stopped.wait(SAMPLE_SECONDS):
                return

    def _sample(self) -> None:
        memory = 0
        for process in family(self._pid):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied), process.oneshot():
                memory += process.memory_info().rss
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, memory)

    def stop(self) -> None:
        self._stopped.set()
        self.join(timeout=2.0)
