"""Ending what is left of services whose process manager was killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import psutil

from sluice.services import postgres
from sluice.services.supervisord import MARK
from sluice.settings import Home

GRACE_SECONDS = 20.0


def end_leftovers(home: Home) -> int:
    """End the processes of this home's services that still run without a process manager; return how many.

    Call it only when supervisord is down. Ours are those that carry the mark of this home in their environment, and
    the server that holds the data directory (Postgres overwrites its environment).
    """
    found = list(_marked(home))
    pid = postgres.server_pid(home)
    if pid is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(pid)
            server.send_signal(signal.SIGINT)
            found.append(server)
    for process in found:
        if process.pid != pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
    _gone, alive = psutil.wait_procs(found, timeout=GRACE_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
    return len(found)


def _marked(home: Home) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(home.root):
                yield process
