"""How busy the machine is: whoever measures time on it wants to know."""

from __future__ import annotations

import time

SPIN_SECONDS = 0.05  # of the processor; a few turns of the kernel's scheduler


def slowdown() -> float:
    """Return how many times its own processor time this thread needs now: 1.0 on an idle machine."""
    began, used = time.perf_counter(), time.thread_time()
    while time.thread_time() - used < SPIN_SECONDS:
        sum(range(500))
    return max(1.0, (time.perf_counter() - began) / (time.thread_time() - used))
