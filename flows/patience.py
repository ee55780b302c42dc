"""How long a flow waits for a Prefect server that does not answer, all its requests together.

Stages do not need the server: what they did is in Sluice's tables. Prefect's client tries each request again by itself,
for some eight minutes each, and eight seconds each event: so long would a run that has ended keep its process. Its
methods have an underscore: where a later client names them differently, they take their own time again.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.events.clients import RETRYABLE_EXCEPTIONS, PrefectEventsClient

from sluice.settings import current_settings
from sluice.tools.prefect_api import PrefectDownError

REQUESTS, EVENTS = "_send_with_retry", "_reconnect"
SILENCE: tuple[type[Exception], ...] = (httpx.TransportError, *RETRYABLE_EXCEPTIONS)
Call = Callable[..., Any]


class Patience:
    """The server's silence, as all clients of this process hear it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_since: float | None = None

    def heard(self) -> None:
        """Note that the server answered."""
        self._silent_since = None

    def missed(self, error: BaseException) -> None:
        """Note that it did not.

        Raises:
            PrefectDownError: it has not answered for too long; Prefect's clients do not try again after it.
        """
        now, seconds = self._clock(), current_settings().prefect_patience
        self._silent_since = now if self._silent_since is None else self._silent_since
        silent = now - self._silent_since
        if silent >= seconds:
            message = f"the Prefect server has not answered for {silent:.0f} s"
            raise PrefectDownError(message, found=error, allowed=f"{seconds:g} s") from error


PATIENCE = Patience()


def be_patient() -> None:
    """Bound what all clients of this process wait for the server; to do it again changes nothing."""
    _replace(PrefectHttpxSyncClient, REQUESTS, lambda method: _sending(method, _bounded))
    _replace(PrefectHttpxAsyncClient, REQUESTS, lambda method: _sending(method, _bounded_async))
    _replace(PrefectEventsClient, EVENTS, _bounded_async)


def _replace(client: type[object], name: str, bounded: Callable[[Call], Call]) -> None:
    method = getattr(client, name, None)
    if method is not None and not hasattr(method, "__wrapped__"):
        setattr(client, name, bounded(method))


def _sending(method: Call, bounded: Callable[[Call], Call]) -> Call:
    """Return a method that hands on its argument `send`, which makes one try, bounded."""
    signature = inspect.signature(method)

    @wraps(method)
    def sending(*words: Any, **named: Any) -> Any:
        given = signature.bind(*words, **named)
        given.arguments["send"] = bounded(given.arguments["send"])
        return method(*given.args, **given.kwargs)

    return sending


def _bounded(once: Call) -> Call:
    @wraps(once)
    def tried(*words: Any, **named: Any) -> Any:
        with _listening():
            return once(*words, **named)

    return tried


def _bounded_async(once: Callable[..., Awaitable[Any]]) -> Call:
    @wraps(once)
    async def tried(*words: Any, **named: Any) -> Any:
        with _listening():
            return await once(*words, **named)

    return tried


@contextmanager
def _listening() -> Iterator[None]:
    """Note whether the server answers what is asked in the block."""
    try:
        yield
    except SILENCE as error:
        PATIENCE.missed(error)
        raise
    PATIENCE.heard()
