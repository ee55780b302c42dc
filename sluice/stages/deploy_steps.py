"""Journaled steps: a row before the step is done, another when it is done or failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sluice.errors import SluiceError
from sluice.failpoints import reach
from sluice.records.deploy import Step
from sluice.stages.workplace import now

STARTED, DONE, FAILED = "started", "done", "failed"


@dataclass
class Note:
    """What a step found out, for its row."""

    detail: str = ""


class Steps:
    """The steps of one deployment or rollback, in order.

    Args:
        write: puts a step into the journal; raises when the right to act was lost.
        log: gets one line a step.
        first: ordinal of the first step.
    """

    def __init__(self, write: Callable[[Step], None], log: Callable[[str], None], first: int = 1) -> None:
        self._write = write
        self._log = log
        self._next = first
        self.finished: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Note]:
        """Journal what the block does; a failure is journaled and raised on."""
        reach(name, "before")
        ordinal, started, note = self._next, now(), Note()
        self._next += 1

        def row(status: str) -> Step:
            return Step(
                ordinal=ordinal, name=name, status=status, started_at=started, ended_at=now(), detail=note.detail
            )

        self._write(row(STARTED))
        try:
            yield note
            reach(name, "effect")
        except BaseException as error:
            note.detail = note.detail or str(error) or type(error).__name__
            self.finished.append(row(FAILED))
            self._log(f"{name}: failed: {note.detail}")
            self._try_write(self.finished[-1])
            raise
        self.finished.append(row(DONE))
        self._write(self.finished[-1])
        self._log(f"{name}: {note.detail or 'done'}")
        reach(name, "after")

    def _try_write(self, step: Step) -> None:
        """Write the row of a failed step; when that fails too, the step's own error is the one to see."""
        try:
            self._write(step)
        except SluiceError as error:
            self._log(f"{step.name}: not journaled: {error}")
