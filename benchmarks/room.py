"""Where benchmarks work: services with a home of their own, and the `sluice` command as a person types it."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sluice import command
from sluice.command import Completed

CALIBRATION_SECONDS = 1.0
CODE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Typed:
    """A command that was typed: its wall clock, and what it printed."""

    began: datetime
    ended: datetime
    done: Completed

    @property
    def seconds(self) -> float:
        """Wall seconds of the whole process."""
        return (self.ended - self.began).total_seconds()


def sluice(*words: str | Path, accept: tuple[int, ...] = (0,)) -> Typed:
    """Run `sluice WORDS` as a process of its own and wait for its end."""
    argv = [sys.executable, "-m", "sluice.cli.entry", *words]
    began = datetime.now(UTC)
    done = command.run(argv, cwd=CODE, accept=accept, timeout=600)
    return Typed(began, datetime.now(UTC), done)


@contextmanager
def services(home: Path | None) -> Iterator[Path]:
    """Give a home whose services are up: the one named, which is left as it is, or a new one, removed at the end."""
    folder = home or Path(tempfile.mkdtemp(prefix="sluice-benchmark-"))
    os.environ["SLUICE_HOME"] = str(folder)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a shell that sets it would have every import compiled again
    try:
        began = time.monotonic()
        sluice("up")
        print(f"services up after {time.monotonic() - began:.1f} s in {folder}", file=sys.stderr)
        yield folder
    finally:
        if home is None:
            sluice("down", "--purge", "--yes")


def load() -> str:
    """Return how busy the machine is: every figure must be read with it."""
    began, used = time.perf_counter(), time.process_time()
    while time.process_time() - used < CALIBRATION_SECONDS:
        sum(range(1000))
    slower = (time.perf_counter() - began) / CALIBRATION_SECONDS
    cores = f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return f"{cores}: a busy process takes {slower:.1f} times its own time."
