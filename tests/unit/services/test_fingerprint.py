from __future__ import annotations

import os
from pathlib import Path

import pytest

from sluice.services import fingerprint


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the deepest folder of a small tree of code."""
    for room in fingerprint.ROOMS:
        (tmp_path / room / "deep" / "__pycache__").mkdir(parents=True)
    file = tmp_path / fingerprint.ROOMS[-1] / "deep" / "one.py"
    file.write_text("a = 1\n")
    monkeypatch.setattr(fingerprint, "top", lambda: str(tmp_path))
    return file


def test_the_same_code_has_the_same_fingerprint(source: Path) -> None:
    before = fingerprint.fingerprint()
    (source.parent / "__pycache__" / "one.py").write_text("")
    (source.parent / "notes.txt").write_text("")
    assert fingerprint.fingerprint() == before


def test_changed_code_has_another(source: Path) -> None:
    seen = {fingerprint.fingerprint()}
    source.write_text("a = 12\n")
    seen.add(fingerprint.fingerprint())
    os.utime(source, ns=(1, 1))
    seen.add(fingerprint.fingerprint())
    (source.parent / "two.py").write_text("")
    seen.add(fingerprint.fingerprint())
    source.unlink()
    seen.add(fingerprint.fingerprint())
    assert len(seen) == 5
