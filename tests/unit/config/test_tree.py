"""The files that detection looks at."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.config import tree
from sluice.config.tree import Tree


def test_files_near_the_root_come_first(plant: object, tmp_path: Path) -> None:
    for name in ("z.py", "a/b/c.py", "a/x.py", ".hidden/y.py", "venv/v.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found = Tree(tmp_path)
    assert found.files == ("z.py", "a/x.py", "a/b/c.py")
    assert found.match("a/*.py") == ("a/x.py", "a/b/c.py")
    assert found.named("c.*") == ("a/b/c.py",)
    assert not found.truncated


def test_too_many_files_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "FILES", 5)
    for i in range(9):
        (tmp_path / f"{i}.py").write_text("")
    found = Tree(tmp_path)
    assert (len(found.files), found.truncated) == (5, True)


def test_reading_is_capped_and_stays_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "READ_LIMIT", 10)
    root = tmp_path / "root"
    root.mkdir()
    (root / "long").write_text("x" * 100)
    (root / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "outside").write_text("secret")
    (root / "link").symlink_to(tmp_path / "outside")
    found = Tree(root)
    assert found.read("long") == "x" * 10
    assert found.read("bytes") == "��"
    assert [found.read(name) for name in ("link", "../outside", "gone", ".")] == [None] * 4
