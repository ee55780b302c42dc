"""Report files are taken from the workspace and from nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sluice.results.files import take
from sluice.results.problems import ReportError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for name in ("reports/a.xml", "reports/deep/b.xml", "reports/c.txt", "top.xml"):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tree


def code(tree: Path, pattern: str, **more: int) -> str:
    with pytest.raises(ReportError) as caught:
        take(tree, pattern, tree.parent / "taken", **more)  # type: ignore[arg-type]
    return caught.value.code


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("top.xml", ["top.xml"]),
        ("./reports/a.xml", ["reports/a.xml"]),
        ("reports/*.xml", ["reports/a.xml"]),
        ("**/*.xml", ["top.xml", "reports/a.xml", "reports/deep/b.xml"]),
        ("reports/**", ["reports/a.xml", "reports/c.txt", "reports/deep/b.xml"]),
        ("reports/?.xml", ["reports/a.xml"]),
    ],
)
def test_names_and_globs(tree: Path, pattern: str, names: list[str]) -> None:
    taken = take(tree, pattern, tree.parent / "taken")
    assert [one.name for one in taken] == names
    assert [one.copy.read_text() for one in taken] == names


def test_the_time_it_was_written(tree: Path) -> None:
    os.utime(tree / "top.xml", (1_000_000, 1_000_000))
    (taken,) = take(tree, "top.xml", tree.parent / "taken")
    assert taken.written_at == 1_000_000


@pytest.mark.parametrize("pattern", ["absent.xml", "absent/*.xml", "reports/absent/x.xml"])
def test_missing(tree: Path, pattern: str) -> None:
    assert code(tree, pattern) == "REPORT_MISSING"


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../secret.xml", "reports/../../secret.xml", ""])
def test_names_that_lead_outside(tree: Path, pattern: str) -> None:
    (tree.parent / "secret.xml").write_text("secret")
    assert code(tree, pattern) == "REPORT_PATH_REFUSED"


def test_symlink_to_a_file(tree: Path) -> None:
    (tree.parent / "secret.xml").write_text("secret")
    (tree / "link.xml").symlink_to(tree.parent / "secret.xml")
    assert code(tree, "link.xml") == "REPORT_PATH_REFUSED"
    assert code(tree, "l*.xml") == "REPORT_PATH_REFUSED"


def test_symlink_to_a_folder(tree: Path) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "x.xml").write_text("secret")
    (tree / "linked").symlink_to(outside)
    assert code(tree, "linked/x.xml") == "REPORT_PATH_REFUSED"
    assert code(tree, "linked/*.xml") == "REPORT_MISSING"


def test_fifo_device_and_folder(tree: Path) -> None:
    os.mkfifo(tree / "fifo.xml")
    (tree / "folder.xml").mkdir()
    (tree / "null.xml").symlink_to("/dev/zero")
    for name in ("fifo.xml", "folder.xml", "null.xml"):
        assert code(tree, name) == "REPORT_PATH_REFUSED"


def test_too_large_is_refused_unread(tree: Path) -> None:
    with (tree / "big.xml").open("wb") as file:
        file.truncate(2 << 30)
    assert code(tree, "big.xml") == "REPORT_TOO_LARGE"
    assert not list((tree.parent / "taken").glob("*"))


def test_many_files_share_the_limit(tree: Path) -> None:
    for name in "abc":
        (tree / f"{name}.xml").write_bytes(b"x" * 400)
    assert len(take(tree, "?.xml", tree.parent / "taken", limit=1200)) == 3
    assert code(tree, "?.xml", limit=1000) == "REPORT_TOO_LARGE"
