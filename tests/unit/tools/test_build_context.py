"""The build sees what it should, and the tar is the same for the same files."""

from __future__ import annotations

import hashlib
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sluice.tools.docker.context import OUTSIDE, Context, write_context

MOMENT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def write(tmp: Path, files: dict[str, str], folder: str = ".", dockerfile: str = "Dockerfile") -> Context:
    for name, text in files.items():
        (tmp / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp / "tree" / name).write_text(text)
    return write_context(tmp / "tree", folder, dockerfile, tmp / "context.tar", MOMENT)


def names(context: Context) -> list[str]:
    with tarfile.open(context.path) as tar:
        return tar.getnames()


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("", ["Dockerfile", "a.log", "docs/a.md", "src/a.py", "src/b.log", "src/deep/c.log"]),
        ("*.log\n", ["Dockerfile", "docs/a.md", "src/a.py", "src/b.log", "src/deep/c.log"]),
        ("**/*.log\n!src/b.log\n", ["Dockerfile", "docs/a.md", "src/a.py", "src/b.log"]),
        ("# all\n*\n!src\nsrc/deep\n!Dockerfile", ["Dockerfile", "src/a.py", "src/b.log"]),
        ("./docs/\n/src/*.log\n", ["Dockerfile", "a.log", "src/a.py", "src/deep/c.log"]),
    ],
)
def test_dockerignore_is_honoured(tmp_path: Path, rules: str, kept: list[str]) -> None:
    files = dict.fromkeys(("a.log", "docs/a.md", "src/a.py", "src/b.log", "src/deep/c.log", ".git/config"), "")
    files |= {"Dockerfile": "FROM a\n", "Dockerfile.dockerignore": f"{rules}\nDockerfile.dockerignore\n"}
    assert [name for name in names(write(tmp_path, files)) if name != ".dockerignore"] == kept


def test_a_dockerfile_outside_of_the_context_comes_along(tmp_path: Path) -> None:
    context = write(tmp_path, {"app/a.py": "", "docker/Dockerfile": "FROM a\n"}, "app", "docker/Dockerfile")
    assert names(context) == ["a.py", OUTSIDE]
    assert context.dockerfile == OUTSIDE


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM a\n", "b": "1", "a": "2"}
    first = hashlib.sha256(write(tmp_path, files).path.read_bytes()).hexdigest()
    os.utime(tmp_path / "tree/a", (1, 1))
    (tmp_path / "tree/b").chmod(0o600)
    assert hashlib.sha256(write(tmp_path, {}).path.read_bytes()).hexdigest() == first
    (tmp_path / "tree/b").chmod(0o755)
    assert hashlib.sha256(write(tmp_path, {}).path.read_bytes()).hexdigest() != first


def test_files_that_must_not_leave_are_named(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM a\n", "app/.env": "A=1", "x": "AKIA" + "Q3EGRZWBLX6PTN2D"}
    context = write(tmp_path, files)
    assert context.secrets == ("context app/.env: a file of environment variables", "context x: an AWS access key")
    assert context.files == 3
