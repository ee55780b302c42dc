"""Prefect's flow engine, quicker to begin a flow run: it does not first wait until it hears of suspensions.

Before its first step it would connect a websocket and ask the server whether somebody suspended the run meanwhile: a
tenth of a second, for what takes effect between two tasks anyway. The same observer starts when the run is on its way,
and begins with asking for the run's state, so that a suspension of before is not missed.

What is overridden is no public name: where a later Prefect calls it differently, its engine waits as before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from uuid import UUID

from prefect import flow_engine
from prefect._flow_run_suspension import FlowRunSuspensionRequest, observe_flow_run_suspension

OUT_OF_THE_WAY = 1.0  # seconds in which server and flow do what the run waits for
LONGEST_END = 2.0  # seconds that Prefect too waits for its observer to end


@contextmanager
def observe_later(
    flow_run_id: UUID, suspension_request: FlowRunSuspensionRequest, polling_interval: float = 10
) -> Iterator[None]:
    """Observe suspensions of the run from a moment later on until the end of the block."""
    ended = threading.Event()

    def observe() -> None:
        if not ended.wait(OUT_OF_THE_WAY):
            with observe_flow_run_suspension(flow_run_id, suspension_request, polling_interval):
                ended.wait()

    thread = threading.Thread(target=copy_context().run, args=(observe,), name="sluice-suspension", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LONGEST_END)


vars(flow_engine)["observe_flow_run_suspension"] = observe_later
