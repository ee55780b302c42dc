"""A lock is old when its manifest's dependencies changed without it; other changes of a manifest are no reason."""

from __future__ import annotations

import pytest

from sluice.records.checkout import ChangedFile
from sluice.stages.source_locks import stale_locks
from sluice.test_paths import is_test_path

PROJECT = '[project]\nname = "a"\nversion = "1"\ndependencies = ["x"]\n'
MORE = PROJECT.replace('["x"]', '["x", "y"]')


def stale(
    before: str | None, after: str | None, path: str, *others: str, touched: tuple[str, ...] = ()
) -> tuple[str, ...]:
    changed = [ChangedFile(path=name, change="M") for name in (path, *touched)]
    return stale_locks(changed, [path, *others], lambda _path: (before, after))


@pytest.mark.parametrize(
    ("path", "lock", "before", "after"),
    [
        ("pyproject.toml", "uv.lock", PROJECT, MORE),
        ("packages/a/pyproject.toml", "uv.lock", PROJECT, MORE),
        ("pyproject.toml", "poetry.lock", "", '[tool.poetry.dependencies]\nx = "1"\n'),
        ("pyproject.toml", "uv.lock", "", '[dependency-groups]\ntest = ["pytest"]\n'),
        ("web/package.json", "web/package-lock.json", "{}", '{"dependencies": {"a": "1"}}'),
        ("Cargo.toml", "Cargo.lock", "", '[dependencies]\na = "1"\n'),
        ("requirements.in", "requirements.txt", "a\n", "a\nb\n"),
        ("Gemfile", "Gemfile.lock", "gem 'a'\n", "gem 'b'\n"),
    ],
)
def test_a_lock_that_was_left_behind(path: str, lock: str, before: str, after: str) -> None:
    assert stale(before, after, path, lock) == (f"{path} ({lock})",)
    assert stale(before, after, path, lock, touched=(lock,)) == ()
    assert stale(before, after, path) == ()


@pytest.mark.parametrize(
    ("path", "lock", "before", "after"),
    [
        ("pyproject.toml", "uv.lock", PROJECT, PROJECT.replace('"1"', '"2"') + "[tool.ruff]\nline-length = 99\n"),
        ("package.json", "yarn.lock", "{}", '{"scripts": {"test": "vitest"}}'),
        ("requirements.in", "requirements.txt", "a\n", "# why\na\n\n"),
        ("pyproject.toml", "uv.lock", PROJECT, "no toml ["),
        ("package.json", "yarn.lock", "[]", "[1]"),
        ("pyproject.toml", "uv.lock", None, PROJECT),
    ],
)
def test_what_a_lock_does_not_depend_on(path: str, lock: str, before: str, after: str) -> None:
    assert stale(before, after, path, lock) == ()


@pytest.mark.parametrize(
    "path",
    ["tests/data/a.json", "test_a.py", "pkg/a_test.go", "src/a.spec.ts", "__tests__/a.js", "conftest.py",
     "src/test/java/AppTest.java", "a.feature", "suite.robot"],
)  # fmt: skip
def test_paths_of_tests(path: str) -> None:
    assert is_test_path(path)


@pytest.mark.parametrize("path", ["app.py", "src/contest.py", "latest.txt", "docs/testing.md", "attest/a.py", ""])
def test_paths_that_are_not(path: str) -> None:
    assert not is_test_path(path)
