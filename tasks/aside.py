"""What only the Prefect UI shows is written aside, by one thread and in order: no stage waits for it.

The truth is in Sluice's tables; a server that is slow or away must neither slow a run down nor end it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache

SETTLE_SECONDS = 20.0
_written: list[Future[object]] = []


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="sluice-aside")


def aside(write: Callable[[], object]) -> None:
    """Have `write` done soon, as if it were called here: it sees the flow run and task run that it belongs to."""
    _written.append(_thread().submit(copy_context().run, write))


def settle(seconds: float = SETTLE_SECONDS) -> tuple[str, ...]:
    """Wait until everything is written, for `seconds` at most; return why something was not."""
    done, open_ = wait(_written, timeout=seconds)
    told = [
        f"{type(error).__name__}: {error}" for future in _written if future in done and (error := future.exception())
    ]
    told += [f"not written within {seconds:g} s" for future in open_ if future.cancel() or not future.done()]
    _written.clear()
    return tuple(told)
