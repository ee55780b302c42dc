"""What kind of project a tree is: a Python package, a tree of Python, or a tree of something else."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.errors import BuildFailedError

LEGACY_REQUIRES = ("setuptools>=40.8.0", "wheel")  # what PEP 517 gives a project without [build-system]
PYTHON_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile")
_FROM_GIT = re.compile(r"scm|vcs|versioneer|versioningit|dunamai|dynamic-versioning|miniver|\bpbr\b", re.I)


@dataclass(frozen=True)
class BuildProject:
    """A tree that is to be built.

    Attributes:
        tree: the workspace.
        package: it is packed as a wheel.
        python: it runs on Python.
        document: pyproject.toml, parsed; empty when there is none.
    """

    tree: Path
    package: bool
    python: bool
    document: dict[str, Any]

    @property
    def build_requires(self) -> tuple[str, ...]:
        """What the build itself needs, as requirement lines."""
        declared = self.document.get("build-system", {}).get("requires")
        return LEGACY_REQUIRES if declared is None else tuple(map(str, declared))

    @property
    def static_dependencies(self) -> bool:
        """Tell whether pyproject.toml itself lists the dependencies."""
        project = self.document.get("project")
        return isinstance(project, dict) and "dependencies" not in project.get("dynamic", ())

    def declares_dependencies(self, extras: Sequence[str]) -> bool:
        """Tell whether pyproject.toml lists a dependency, or one of `extras` might."""
        project = self.document.get("project", {})
        return bool(project.get("dependencies")) or any(project.get("optional-dependencies", {}).get(e) for e in extras)

    def declared_version(self) -> str | None:
        """Return the version that pyproject.toml or package.json states; None when neither does."""
        version = self.document.get("project", {}).get("version")
        if version is None and (self.tree / "package.json").is_file():
            try:
                version = json.loads((self.tree / "package.json").read_text(encoding="utf-8")).get("version")
            except (ValueError, AttributeError):
                version = None  # whether it is JSON is for the project's own tools to say
        return str(version) if version else None


def look_at(tree: Path, tracked: Sequence[str]) -> BuildProject:
    """Return what `tree` is.

    Raises:
        BuildFailedError: pyproject.toml cannot be read.
    """
    document: dict[str, Any] = {}
    if (tree / "pyproject.toml").is_file():
        try:
            document = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BuildFailedError("pyproject.toml cannot be read", where="pyproject.toml", found=error) from error
    package = is_package(tree, document)
    python = package or any(name in PYTHON_FILES or name.endswith(".py") for name in tracked)
    return BuildProject(tree, package, python, document)


def is_package(tree: Path, document: dict[str, Any]) -> bool:
    """Tell whether a tree says itself that it is a package."""
    tool = document.get("tool", {})
    if tool.get("uv", {}).get("package") is False or tool.get("poetry", {}).get("package-mode") is False:
        return False
    if "build-system" in document or tool.get("uv", {}).get("package") is True:
        return True
    return (tree / "setup.py").is_file()


def version_from_git(texts: Sequence[str | None]) -> bool:
    """Tell whether the packaging files (their texts) take the version from git: then the commit decides the result."""
    return any(_FROM_GIT.search(text) for text in texts if text)
