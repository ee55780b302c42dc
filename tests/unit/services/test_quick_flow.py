from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from prefect import flow_engine
from prefect._flow_run_suspension import FlowRunSuspensionRequest

from sluice.services import quick_flow


class Watched:
    """An observer that tells when it is entered and left, and reaches no server."""

    def __init__(self) -> None:
        self.entered, self.left = threading.Event(), threading.Event()
        self.of: list[object] = []

    @contextmanager
    def __call__(self, run: UUID, request: FlowRunSuspensionRequest, seconds: float) -> Iterator[None]:
        self.of += [run, request, seconds]
        self.entered.set()
        yield
        self.left.set()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    made = Watched()
    monkeypatch.setattr(quick_flow, "observe_flow_run_suspension", made)
    return made


def test_the_engine_observes_later() -> None:
    assert vars(flow_engine)["observe_flow_run_suspension"] is quick_flow.observe_later


def test_the_block_begins_before_the_observer_and_ends_after_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_flow, "OUT_OF_THE_WAY", 0.01)
    run, request = uuid4(), FlowRunSuspensionRequest()
    with quick_flow.observe_later(run, request, 7):
        assert watched.entered.wait(60)
        assert not watched.left.is_set()
    assert watched.left.is_set()
    assert watched.of == [run, request, 7]


def test_a_short_run_is_not_observed(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_flow, "OUT_OF_THE_WAY", 3600)
    with pytest.raises(KeyError), quick_flow.observe_later(uuid4(), FlowRunSuspensionRequest()):
        raise KeyError
    assert not watched.entered.is_set()
    assert "sluice-suspension" not in {thread.name for thread in threading.enumerate()}
