from __future__ import annotations

import os
from pathlib import Path

import pytest

from sluice.services import code


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the deepest folder of a small tree of code."""
    for room in code.ROOMS:
        (tmp_path / room / "deep" / "__pycache__").mkdir(parents=True)
    file = tmp_path / code.ROOMS[-1] / "deep" / "one.py"
    file.write_text("a = 1\n")
    monkeypatch.setattr(code, "root", lambda: tmp_path)
    return file


def test_the_same_code_has_the_same_fingerprint(source: Path) -> None:
    before = code.fingerprint()
    (source.parent / "__pycache__" / "one.py").write_text("")
    (source.parent / "notes.txt").write_text("")
    assert code.fingerprint() == before


def test_changed_code_has_another(source: Path) -> None:
    seen = {code.fingerprint()}
    source.write_text("a = 12\n")
    seen.add(code.fingerprint())
    os.utime(source, ns=(1, 1))
    seen.add(code.fingerprint())
    (source.parent / "two.py").write_text("")
    seen.add(code.fingerprint())
    source.unlink()
    seen.add(code.fingerprint())
    assert len(seen) == 5
