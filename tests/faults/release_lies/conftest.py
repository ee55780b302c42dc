"""The real parts that the cases are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.release_lies.workshop import Workshop
from tests.scan_parts import Bench
from tests.stages.conftest import city, parts
from tests.wheels import make_wheel

__all__ = ["city", "parts"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A repository and its builds; packages come from a folder."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "colours", "3.0")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    return Workshop(tmp_path, wheels)
