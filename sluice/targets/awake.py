"""Keeping supervisord awake while it stops programs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sluice.errors import SluiceError
from sluice.targets.base import ProcessManager

AWAKE_SECONDS = 0.03


@contextmanager
def awake(supervisor: ProcessManager) -> Iterator[None]:
    """Ask supervisord something every 30 ms meanwhile.

    Its loop sleeps for up to a second before it looks whether a process that it stopped has ended (Python restarts
    its poll after SIGCHLD); any request wakes it.
    """
    done = threading.Event()

    def ask() -> None:
        while not done.wait(AWAKE_SECONDS):
            with suppress(SluiceError):
                supervisor.processes()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
