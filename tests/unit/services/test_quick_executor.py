from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.workers import process

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it overrides Prefect's own class of its type
    from sluice.services.quick_executor import QuickContext, Spare, Told


class Heard:
    """An observer whose websocket is open until it is cut."""

    def __init__(self) -> None:
        self._consumer_task = asyncio.get_running_loop().create_future()


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What became of each context, none of which reaches a server."""
    told: list[str] = []

    async def enter(self: Any) -> Any:
        told.append("entered")
        self._observer = Heard()
        return self

    async def leave(_self: Any, *_error: object) -> None:
        told.append("left")

    monkeypatch.setattr(FlowRunExecutorContext, "__aenter__", enter)
    monkeypatch.setattr(FlowRunExecutorContext, "__aexit__", leave)
    return told


def with_spare(use: Callable[[Spare], Awaitable[object]]) -> object:
    async def main() -> object:
        spare = Spare()
        serving = asyncio.create_task(spare.serve())
        await asyncio.sleep(0)
        try:
            return await use(spare)
        finally:
            spare.discard()
            await serving

    return asyncio.run(main())


async def work(status: Told[int]) -> str:
    """Do as Prefect's worker does: enter a context of the class that it finds in its module."""
    async with process.FlowRunExecutorContext():
        status.started(7)
        return "result"


def test_a_run_is_supervised_by_what_is_ready_for_it(entered: list[str]) -> None:
    status: Told[int] = Told()
    assert process.FlowRunExecutorContext is QuickContext
    assert with_spare(lambda spare: spare.run(work, status)) == "result"
    assert (entered, status.values) == (["entered", "left"], [7])


def test_a_run_without_one_enters_its_own(entered: list[str]) -> None:
    assert asyncio.run(work(Told())) == "result"
    assert entered == ["entered", "left"]


def test_what_goes_wrong_is_raised_where_the_run_is_waited_for(entered: list[str]) -> None:
    async def broken(_status: Told[int]) -> None:
        raise RuntimeError("no process")

    with pytest.raises(RuntimeError, match="no process"):
        with_spare(lambda spare: spare.run(broken, Told()))
    assert entered == ["entered", "left"]


def test_one_that_no_longer_hears_the_server_is_not_used(entered: list[str]) -> None:
    async def cut(spare: Spare) -> tuple[bool, bool]:
        before = spare.usable
        spare._context._observer._consumer_task.set_result(None)  # type: ignore[union-attr]
        return before, spare.usable

    assert with_spare(cut) == (True, False)
    assert entered == ["entered", "left"]


def test_one_that_could_not_be_entered_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_self: object) -> None:
        raise OSError("no server")

    monkeypatch.setattr(FlowRunExecutorContext, "__aenter__", refuse)

    async def look(spare: Spare) -> bool:
        return spare.usable

    assert with_spare(look) is False
