from __future__ import annotations

import pytest
from prefect.settings import Settings

from sluice.services import quick_settings


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Which settings were really written."""
    found: list[Settings] = []

    def write(settings: Settings, *words: bool) -> dict[str, str]:
        found.append(settings)
        return plain(settings, *words)

    plain = quick_settings._write
    monkeypatch.setattr(quick_settings, "_write", write)
    monkeypatch.setattr(quick_settings, "_written", {})
    return found


def test_settings_are_written_as_prefect_does_and_once(written: list[Settings]) -> None:
    settings = Settings()
    first = settings.to_environment_variables(exclude_unset=True)
    assert first == quick_settings._write(settings, True)
    first["PREFECT_HOME"] = "changed by whoever got it"
    again = settings.to_environment_variables(exclude_unset=True)
    assert again.get("PREFECT_HOME") != first["PREFECT_HOME"]
    assert written == [settings, settings]  # the second one is this test's own


def test_other_settings_and_other_words_are_written_anew(written: list[Settings]) -> None:
    settings = Settings()
    whole, short = settings.to_environment_variables(), settings.to_environment_variables(exclude_unset=True)
    assert len(whole) > len(short)
    for _ in range(2 * quick_settings.KEPT):
        Settings().to_environment_variables()
    assert len(written) == 2 + 2 * quick_settings.KEPT
    assert len(quick_settings._written) <= quick_settings.KEPT
