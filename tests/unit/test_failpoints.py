"""Failpoints do nothing unless they are asked for, and nothing unless they are allowed."""

from __future__ import annotations

import os
import signal

import pytest

from sluice.errors import UsageError
from sluice.failpoints import reach


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: numbers.append(number) if pid == os.getpid() else None)
    return numbers


def test_it_dies_at_its_own_place_only(monkeypatch: pytest.MonkeyPatch, deaths: list[int]) -> None:
    monkeypatch.setenv("SLUICE_FAILPOINT", "switch:effect:kill")
    monkeypatch.setenv("SLUICE_ALLOW_FAILPOINTS", "1")

    reach("switch", "before")
    reach("drain", "effect")
    assert deaths == []
    reach("switch", "effect")
    assert deaths == [signal.SIGKILL]


def test_without_permission_it_is_an_error(monkeypatch: pytest.MonkeyPatch, deaths: list[int]) -> None:
    monkeypatch.setenv("SLUICE_FAILPOINT", "switch:effect:kill")
    monkeypatch.delenv("SLUICE_ALLOW_FAILPOINTS", raising=False)

    with pytest.raises(UsageError, match="FAILPOINT"):
        reach("switch", "effect")
    assert deaths == []


@pytest.mark.parametrize("value", ["switch", "switch:sometimes:kill", "switch:effect:sleep"])
def test_a_wrong_one_is_an_error(monkeypatch: pytest.MonkeyPatch, deaths: list[int], value: str) -> None:
    monkeypatch.setenv("SLUICE_FAILPOINT", value)
    monkeypatch.setenv("SLUICE_ALLOW_FAILPOINTS", "1")

    with pytest.raises(UsageError):
        reach("switch", "effect")
    assert deaths == []


def test_nothing_happens_when_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, deaths: list[int]) -> None:
    monkeypatch.delenv("SLUICE_FAILPOINT", raising=False)

    reach("switch", "effect")

    assert deaths == []
