from __future__ import annotations

from pathlib import Path

import pytest

from sluice.services.warm_settings import sources


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)
    (tmp_path / "prefect").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["PREFECT_LOGGING_LEVEL", "prefect_logging_level"])
def test_another_variable_makes_other_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sources()
    monkeypatch.setenv(name, "DEBUG")
    assert sources() != before
    monkeypatch.delenv(name)
    assert sources() == before


def test_what_prefects_programs_tell_each_other_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sources()
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "x")
    monkeypatch.setenv("OTHER", "x")
    assert sources() == before


@pytest.mark.parametrize("name", [".env", "prefect.toml", "pyproject.toml", "prefect/profiles.toml"])
def test_a_file_that_is_new_or_other_makes_other_settings(name: str, place: Path) -> None:
    none = sources()
    (place / name).write_text("a")
    first = sources()
    (place / name).write_text("ab")
    assert len({none, first, sources()}) == 3


def test_the_files_of_another_folder_are_others(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "pyproject.toml").write_text("")
    before = sources()
    monkeypatch.chdir(place / "prefect")
    assert sources() != before
