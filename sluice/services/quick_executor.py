"""What supervises a run's process, made ready before there is a run.

Prefect's worker opens two websockets for each run, one to tell what becomes of its process and one to hear that the run
is to be cancelled, and only then starts the process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Generic, TypeVar

import anyio
import anyio.abc
from prefect.logging import get_logger
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.workers import process

T = TypeVar("T")
LOG = get_logger("sluice.worker")
_ready: ContextVar[FlowRunExecutorContext | None] = ContextVar("_ready", default=None)


class QuickContext(FlowRunExecutorContext):
    """Stands in for the context that was entered ahead, where there is one."""

    _given: FlowRunExecutorContext | None = None

    async def __aenter__(self) -> FlowRunExecutorContext:
        """Return the one that is ready, or enter this one."""
        self._given = _ready.get()
        return self._given or await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Leave it; the one that was ready is left by whoever entered it."""
        return None if self._given else await super().__aexit__(kind, error, trace)


vars(process)["FlowRunExecutorContext"] = QuickContext


class Told(anyio.abc.TaskStatus[T], Generic[T]):
    """What a task told when it started, for the task that waits for it."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self.changed = anyio.Event()

    def started(self, value: T | None = None) -> None:
        """Note that it has started."""
        if value is not None:
            self.values.append(value)
        self.changed.set()


class Spare:
    """A context that was entered ahead, for one run. Whatever is wrong with it, the run gets one of its own."""

    def __init__(self) -> None:
        self._context: FlowRunExecutorContext | None = None
        self._wanted = anyio.Event()
        self._work: Callable[[], Awaitable[object]] | None = None
        self._told: Told[int] = Told()
        self._result: object = None
        self._error: Exception | None = None
        self._done = anyio.Event()

    async def serve(self) -> None:
        """Enter a context, wait for the run, supervise it, leave the context: all in one task, as it must be."""
        try:
            async with FlowRunExecutorContext() as context:
                self._context = context
                await self._wanted.wait()
                if self._work is not None:
                    _ready.set(context)
                    self._result = await self._work()
        except Exception as error:  # broad: it is raised again where the run is waited for
            self._error = error
            if self._work is None:
                LOG.debug("nothing is ready for the next run", exc_info=True)
        finally:
            self._done.set()
            self._told.changed.set()

    @property
    def usable(self) -> bool:
        """Tell whether it is entered, and still hears the server: a server that ended has cut its websocket."""
        hears = getattr(getattr(self._context, "_observer", None), "_consumer_task", None)
        return hears is not None and not hears.done() and not self._done.is_set()

    def discard(self) -> None:
        """Let it end without a run."""
        self._wanted.set()

    async def run(self, work: Callable[[Told[int]], Awaitable[T]], status: anyio.abc.TaskStatus[int]) -> T:
        """Do `work` within the context and return its result; `status` hears what the work told of its start."""
        self._work = lambda: work(self._told)
        self._wanted.set()
        await self._told.changed.wait()
        if self._told.values:
            status.started(self._told.values[0])
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # of that work
