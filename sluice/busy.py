"""How busy the machine is, and by whom: whoever measures time on it wants to know."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

import psutil

from sluice.process_tree import family

SPIN_SECONDS = 0.05  # of the processor; a few turns of the kernel's scheduler
SAMPLE_SECONDS = 0.25  # the kernel counts processor time in hundredths
FULL = 0.85  # of the processors: with less, whoever wants one has one at once
FELT = 0.5  # of somebody's processors: had others less, they cannot have made it twice as slow
WORKING = ("user", "nice", "system", "irq", "softirq", "steal")


def slowdown() -> float:
    """Return how many times its own processor time this thread needs now: 1.0 on an idle machine."""
    began, used = time.perf_counter(), time.thread_time()
    while time.thread_time() - used < SPIN_SECONDS:
        sum(range(500))
    return max(1.0, (time.perf_counter() - began) / (time.thread_time() - used))


def spent_by(pids: Iterable[int]) -> float:
    """Return the processor seconds of living processes and their descendants, with those that they waited for."""
    found = 0.0
    for process in {each for pid in pids for each in family(pid)}:
        with contextlib.suppress(psutil.Error):  # it ended, or is not ours to ask
            found += sum(process.cpu_times()[:4])  # user, system, and both of the children that ended
    return found


def worked() -> float:
    """Return the seconds that all processors of the machine have worked, for whomever."""
    times = psutil.cpu_times()
    return float(sum(getattr(times, name, 0.0) for name in WORKING))


@dataclass(frozen=True)
class Shares:
    """How many processors somebody kept busy, and others than they and we; the share of the time that others crowded.

    Others crowd where no processor is left idle and they have so much of them that somebody could have felt it.
    """

    theirs: float
    others: float
    crowded: float


@dataclass(frozen=True)
class Moment:
    """Seconds of one clock and of the processors so far: somebody's, ours, and everybody's."""

    wall: float
    theirs: float
    ours: float
    worked: float


class Contest(threading.Thread):
    """Samples who has the processors until it is asked: somebody, or others than they and this process."""

    def __init__(self, spent: Callable[[], float | None]) -> None:
        """Watch somebody whose processor seconds so far are `spent()`; None: nobody knows."""
        super().__init__(daemon=True)
        self._spent = spent
        self._stopped = threading.Event()
        self._seen: list[Moment] = []
        self._known = True

    def run(self) -> None:
        """Sample until stopped."""
        self._look()
        while self._known and not self._stopped.wait(SAMPLE_SECONDS):
            self._look()

    def shares(self) -> Shares | None:
        """Stop, and return who had the processors; None where it is not known, or it was too short to tell."""
        self._stopped.set()
        self.join()
        return shares(self._seen, psutil.cpu_count() or 1) if self._known else None

    def _look(self) -> None:
        theirs = self._spent()
        self._known = theirs is not None
        if theirs is not None:
            self._seen.append(Moment(time.monotonic(), theirs, spent_by([os.getpid()]), worked()))


def shares(seen: Sequence[Moment], processors: int) -> Shares | None:
    """Return who had the processors between the first moment and the last; None for less than two."""
    spans = [_span(before, after) for before, after in pairwise(seen)]
    if not spans:
        return None
    wall = sum(span.wall for span in spans)
    crowded = sum(span.wall for span in spans if _crowded(span, processors))
    return Shares(sum(span.theirs for span in spans) / wall, sum(map(_others, spans)) / wall, crowded / wall)


def _span(before: Moment, after: Moment) -> Moment:
    """Return what was used in between: who ended meanwhile may have taken its seconds with it."""
    parts = zip(astuple(after), astuple(before), strict=True)
    return Moment(*(max(0.0, new - old) for new, old in parts))


def _others(span: Moment) -> float:
    return max(0.0, span.worked - span.theirs - span.ours)


def _crowded(span: Moment, processors: int) -> bool:
    return span.worked >= FULL * processors * span.wall and _others(span) >= FELT * span.theirs
