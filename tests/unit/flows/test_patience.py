"""How long the clients of a flow's process wait for a Prefect server that does not answer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.events.clients import PrefectEventsClient

from flows import patience
from flows.patience import EVENTS, REQUESTS, Patience, be_patient
from sluice.tools.prefect_api import PrefectDownError

GONE = httpx.ConnectError("refused")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as its only item; a server may be silent for ten seconds of it."""
    time = [0.0]
    monkeypatch.setenv("SLUICE_PREFECT_PATIENCE", "10")
    monkeypatch.setattr(patience, "PATIENCE", Patience(lambda: time[0]))
    return time


def test_what_is_replaced_has_its_name_and_its_argument() -> None:
    for client in (PrefectHttpxSyncClient, PrefectHttpxAsyncClient):
        assert "send" in inspect.signature(getattr(client, REQUESTS)).parameters
    assert inspect.iscoroutinefunction(getattr(PrefectEventsClient, EVENTS))


def test_it_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for client, name in ((PrefectHttpxSyncClient, REQUESTS), (PrefectEventsClient, EVENTS)):
        monkeypatch.setattr(client, name, inspect.unwrap(getattr(client, name)))
    plain = getattr(PrefectHttpxSyncClient, REQUESTS)
    be_patient()
    bounded = getattr(PrefectHttpxSyncClient, REQUESTS)
    be_patient()
    assert getattr(PrefectHttpxSyncClient, REQUESTS) is bounded
    assert bounded.__wrapped__ is plain
    assert hasattr(getattr(PrefectEventsClient, EVENTS), "__wrapped__")


def sync_call(answer: Callable[[], Any]) -> Callable[[], Any]:
    return patience._bounded(answer)


def async_call(answer: Callable[[], Any]) -> Callable[[], Any]:
    async def once() -> Any:
        return answer()

    return lambda: asyncio.run(patience._bounded_async(once)())


@pytest.mark.parametrize("bounded", [sync_call, async_call])
@pytest.mark.parametrize("error", [GONE, ConnectionRefusedError("refused"), TimeoutError("late")])
def test_silence_adds_up_over_all_calls_until_an_answer(
    clock: list[float], bounded: Callable[[Callable[[], Any]], Callable[[], Any]], error: Exception
) -> None:
    def silent() -> Any:
        raise error

    ask, told = bounded(silent), bounded(lambda: "answer")
    for clock[0] in (0.0, 9.9):
        with pytest.raises(type(error)):
            ask()
    assert told() == "answer"
    for clock[0] in (12.0, 21.9):
        with pytest.raises(type(error)):
            ask()
    for clock[0] in (22.0, 30.0):
        with pytest.raises(PrefectDownError) as caught:
            ask()
        assert (caught.value.found, caught.value.allowed, caught.value.exit_code) == (error, "10 s", 20)
    assert told() == "answer"
    with pytest.raises(type(error)):
        ask()


def test_prefects_own_retries_end_with_the_patience(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client tries again by itself: each wait makes the silence longer, until it is too long."""
    monkeypatch.setattr(PrefectHttpxSyncClient, REQUESTS, inspect.unwrap(getattr(PrefectHttpxSyncClient, REQUESTS)))
    monkeypatch.setattr("prefect.client.base.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    be_patient()
    tries: list[float] = []

    def refused(_request: httpx.Request) -> httpx.Response:
        tries.append(clock[0])
        raise GONE

    with PrefectHttpxSyncClient(transport=httpx.MockTransport(refused), base_url="http://prefect/api") as client:
        client._has_connected = True
        with pytest.raises(PrefectDownError, match=r"PREFECT_DOWN: the Prefect server has not answered for 1\d s"):
            client.get("/health")
    assert len(tries) == 4  # at 0, and after 2, 4 and 8 s more or less
    assert tries[-2] < 10 <= tries[-1]
