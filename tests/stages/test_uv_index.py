"""What uv is given: the index, whatever a folder of wheels lacks, and a place of its own for temporary files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.errors import BuildFailedError
from sluice.tools.uv import Uv, create_venv, pip_install
from tests.wheels import make_wheel, package_index


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An index that has parts 2, and a folder of wheels that has parts 1 alone."""
    folder, served = tmp_path / "wheels", tmp_path / "served"
    make_wheel(folder, "parts", "1.0")
    make_wheel(served, "parts", "2.0")
    for name in ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    with package_index(served) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        yield url


@pytest.mark.usefixtures("index")
def test_what_the_folder_lacks_is_asked_of_the_index(tmp_path: Path) -> None:
    said: list[str] = []
    uv = Uv(tmp_path, tmp_path / "cache", said.append)
    python = create_venv(uv, tmp_path / "venv", sys.executable)
    pip_install(uv, python, ["parts>=2"], "install the parts")
    assert [path.name for path in (tmp_path / "venv").rglob("parts-*.dist-info")] == ["parts-2.0.dist-info"]
    with pytest.raises(BuildFailedError, match="cannot install the parts"):
        pip_install(uv, python, ["parts>=3"], "install the parts")


def test_builds_have_their_temporary_files_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    program = tmp_path / "uv"
    program.write_text('#!/bin/sh\nmktemp "$TMPDIR/XXXXXX"\n')
    program.chmod(0o755)
    monkeypatch.setenv("SLUICE_TOOL_UV", str(program))
    Uv(tmp_path, tmp_path / "cache", said.append).run(["build"], "build")
    assert Path(said[-1]).is_relative_to(tmp_path / "cache")
    assert Path(said[-1]).is_file()
