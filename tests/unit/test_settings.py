from __future__ import annotations

import pytest

from sluice.errors import ConfigError
from sluice.settings import current_settings


def test_settings_are_read_again_only_when_the_environment_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_WORK_POOL", "one")
    first = current_settings()
    assert (first.work_pool, current_settings()) == ("one", first)
    assert current_settings() is first
    monkeypatch.setenv("SLUICE_WORK_POOL", "two")
    assert current_settings().work_pool == "two"
    monkeypatch.delenv("SLUICE_WORK_POOL")
    assert current_settings().work_pool == "sluice"


def test_a_wrong_setting_is_told_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_KEEP_DAYS", "never")
    for _ in range(2):
        with pytest.raises(ConfigError, match="SLUICE_KEEP_DAYS"):
            current_settings()
