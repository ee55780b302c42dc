"""Lock files that a change left behind: the manifest's dependencies are others now, and the lock is the old one."""

from __future__ import annotations

import json
import posixpath
import tomllib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sluice.records.checkout import ChangedFile

LOCKS = {
    "pyproject.toml": ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"),
    "Pipfile": ("Pipfile.lock",),
    "package.json": ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
    "Cargo.toml": ("Cargo.lock",),
    "Gemfile": ("Gemfile.lock",),
    "composer.json": ("composer.lock",),
}
# What a lock is made from; the rest of a manifest (version, scripts, settings of tools) may change alone.
_DEPENDENCIES = {
    "package.json": ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides"),
    "composer.json": ("require", "require-dev"),
    "Pipfile": ("packages", "dev-packages"),
    "Cargo.toml": ("dependencies", "dev-dependencies", "build-dependencies", "target", "workspace"),
}
Read = Callable[[str], tuple[str | None, str | None]]


def stale_locks(changed: Sequence[ChangedFile], paths: Iterable[str], read: Read) -> tuple[str, ...]:
    """Return `manifest (lock)` for each changed manifest whose dependencies changed and whose lock did not.

    Args:
        changed: what the commit changed.
        paths: all files of the commit.
        read: gives a file's text before and after the change, None where there is none.
    """
    there, touched = set(paths), {file.path for file in changed}
    found = []
    for path in sorted(file.path for file in changed if file.change == "M"):
        locks = _locks_of(path, there)
        if locks and not touched & set(locks) and _differs(path, *read(path)):
            found.append(f"{path} ({locks[0]})")
    return tuple(found)


def _locks_of(path: str, there: set[str]) -> list[str]:
    """Return the locks beside a manifest, or beside the nearest folder above it (workspaces have one lock)."""
    folder, name = posixpath.split(path)
    if name.endswith(".in"):
        return [lock] if (lock := f"{path.removesuffix('.in')}.txt") in there else []
    while True:
        found = [lock for each in LOCKS.get(name, ()) if (lock := posixpath.join(folder, each)) in there]
        if found or not folder:
            return found
        folder = posixpath.dirname(folder)


def _differs(path: str, before: str | None, after: str | None) -> bool:
    if before is None or after is None:
        return False
    try:
        return _dependencies(path, before) != _dependencies(path, after)
    except (ValueError, TypeError, AttributeError, RecursionError):  # no manifest that anybody can read
        return False


def _dependencies(path: str, text: str) -> object:
    name = posixpath.basename(path)
    if name == "pyproject.toml":
        return _of_pyproject(tomllib.loads(text))
    if name.endswith(".json"):
        return _parts(json.loads(text), _DEPENDENCIES[name])
    if name in _DEPENDENCIES:
        return _parts(tomllib.loads(text), _DEPENDENCIES[name])
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _of_pyproject(data: dict[str, Any]) -> object:
    project, tool = data.get("project", {}), data.get("tool", {})
    return (
        _parts(project, ("dependencies", "optional-dependencies", "requires-python")),
        data.get("dependency-groups"),
        _parts(tool.get("uv", {}), ("sources", "dev-dependencies", "constraint-dependencies", "override-dependencies")),
        _parts(tool.get("poetry", {}), ("dependencies", "group", "dev-dependencies", "extras")),
        tool.get("pdm", {}).get("dev-dependencies"),
    )


def _parts(data: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}
