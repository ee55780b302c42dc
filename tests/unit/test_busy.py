"""How busy the machine is, is wall time by processor time."""

from __future__ import annotations

import time

import pytest

from sluice.busy import slowdown


def test_an_idle_machine_is_never_faster_than_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 0.5 * time.thread_time())
    assert slowdown() == 1.0


def test_waiting_for_the_processor_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 3.0 * time.thread_time())
    assert slowdown() == pytest.approx(3.0, rel=0.05)
