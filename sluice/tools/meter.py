"""How long outside programs took inside a stage, so that a record can tell its own time from theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sluice.command import Completed
from sluice.records.common import ToolUse


class Meter:
    """Adds up the runs of outside programs by name."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, name: str, done: Completed) -> None:
        """Count one run of program `name`."""
        self._seconds[name] = self._seconds.get(name, 0.0) + done.seconds

    def uses(self, **versions: str) -> tuple[ToolUse, ...]:
        """Return one entry a program, with its version where it is known; a run that failed has raised by then."""
        return tuple(
            ToolUse(name=name, version=versions.get(name, ""), exit_code=0, seconds=seconds)
            for name, seconds in self._seconds.items()
        )


_current: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Collect every run that this thread makes inside the block."""
    meter = Meter()
    token = _current.set(meter)
    try:
        yield meter
    finally:
        _current.reset(token)


def count(name: str, done: Completed) -> Completed:
    """Hand `done` on, counted when somebody collects."""
    meter = _current.get()
    if meter is not None:
        meter.add(name, done)
    return done
