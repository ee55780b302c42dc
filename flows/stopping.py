"""How a run is stopped: once, whoever asks. A second signal would cut the clean-up of the first one short."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from prefect._internal.control_listener import get_intent  # what its own engine asks on a signal
from prefect.exceptions import TerminationSignal

from sluice.errors import CancelledRunError
from sluice.store.runs import RunStore

OWN = signal.SIGUSR1  # TERM is Prefect's, which may be on its way already


def be_stoppable() -> None:
    """Let :func:`stop_myself` stop this flow process, unless it is being stopped already.

    The handler stays: the process is this flow's own, and a beat may come as late as the very end.
    """
    if threading.current_thread() is threading.main_thread():  # signals reach the main thread only
        signal.signal(OWN, _stop)


def stop_myself() -> None:
    """End this flow process as a cancellation does; to be called from another thread."""
    os.kill(os.getpid(), OWN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    if get_intent() is not None:
        return  # Prefect's cancellation came first, and the clean-up is under way
    signal.signal(OWN, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on only KILL comes between, when its grace is over
    raise TerminationSignal(signal=signal.SIGTERM)


class Beat:
    """One renewal of a run's lease; stops the flow when it was asked to end and Prefect did not tell it."""

    def __init__(self, store: RunStore, run_id: str, fence: int) -> None:
        self._store = store
        self._run_id = run_id
        self._fence = fence
        self._asked = False

    def first(self) -> None:
        """Refuse to begin what was cancelled while it waited.

        Raises:
            CancelledRunError: somebody asked for the run's end already.
        """
        if self._store.renew_lease(self._run_id, self._fence):
            raise CancelledRunError("the run was stopped before it began")

    def __call__(self) -> None:
        """Renew the lease; the second beat that finds a request to cancel stops the flow."""
        asked = self._store.renew_lease(self._run_id, self._fence)
        if asked and self._asked:
            stop_myself()
        self._asked = asked
