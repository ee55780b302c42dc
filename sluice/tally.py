"""How much of a process' time outside programs took: the rest is our own."""

from __future__ import annotations

import threading


class Tally:
    """What this process spent in outside programs: how many it started, and when at least one of them ran."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[tuple[float, float]] = []

    def add(self, began: float, ended: float) -> None:
        """Count one program, by the monotonic clock."""
        with self._lock:
            self._spans.append((began, ended))

    @property
    def starts(self) -> int:
        """How many programs ran to their end."""
        return len(self._spans)

    @property
    def seconds(self) -> float:
        """Wall seconds in which at least one ran; those that ran beside each other count once."""
        total, reached = 0.0, 0.0
        for began, ended in sorted(self._spans):
            total += max(0.0, ended - max(began, reached))
            reached = max(reached, ended)
        return total


TALLY = Tally()
