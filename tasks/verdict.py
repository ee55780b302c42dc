"""How a stage's failure becomes a Prefect state without a traceback: a user's mistake is no crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Failed

from sluice.errors import SluiceError
from sluice.records.common import StageRecord

T = TypeVar("T")

# Where only the world failed, Prefect tries again: after 2 s and 4 s, each spread by up to half.
TRANSIENT_RETRIES = 2
RETRY_DELAYS = [2.0, 4.0]
RETRY_JITTER = 0.5


def verdict(call: Callable[[], T]) -> T | State[Any]:
    """Return what `call` returns; a final `SluiceError`, or a true record of something bad, as a Failed state.

    So red tests are red in the Prefect UI too, and what is bad is never found again by its cache key. What a retry may
    mend is raised.
    """
    try:
        result = call()
    except SluiceError as error:
        if error.transient:
            raise
        return Failed(message=str(error), data=error)
    if isinstance(result, StageRecord) and not result.passed:
        return Failed(message=result.reason, data=result)
    return result


def is_transient(_task: Any, _task_run: Any, state: State[Any]) -> bool:
    """Tell Prefect whether a failed task may be tried again (`retry_condition_fn`)."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, SluiceError) and error.transient


def outcome(state: State[Any]) -> Any:
    """Return the result of a finished task, or raise the error that ended it as itself."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result
