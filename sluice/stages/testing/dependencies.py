"""What a project's tests need, as far as the project declares it."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.config.model import TestConfig
from sluice.stages.testing.errors import TestSetupError

_NAMES = ("pyproject.toml", "setup.py", "setup.cfg", "uv.lock", "pylock.toml", "poetry.lock", "uv.toml")
_GLOBS = (
    "*requirements*.txt",
    "*requirements*.in",
    "constraints*.txt",
    "requirements/*.txt",
    "requirements/*.in",
    "*/*requirements*.txt",
)


@dataclass(frozen=True)
class Project:
    """The packaging of a tree.

    Attributes:
        tree: the workspace.
        metadata: file that holds the dependencies (`pyproject.toml`, `setup.py`, `setup.cfg`), None for no package.
        installable: it is a package that is installed (editable) before its tests run.
        must_install: it says itself that it is a package; else a failure to install it is no failure.
        document: pyproject.toml, parsed.
    """

    tree: Path
    metadata: str | None
    installable: bool
    must_install: bool
    document: dict[str, Any]

    @property
    def table(self) -> dict[str, Any]:
        """Return `[project]`."""
        found = self.document.get("project", {})
        return found if isinstance(found, dict) else {}

    @property
    def name(self) -> str:
        """Return the distribution name, empty when it is not in pyproject.toml."""
        return str(self.table.get("name", ""))


def read_project(tree: Path) -> Project:
    """Look at the packaging of `tree`; TestSetupError when pyproject.toml is no TOML."""
    document: dict[str, Any] = {}
    file = tree / "pyproject.toml"
    if file.is_file():
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TestSetupError("pyproject.toml cannot be read", where="pyproject.toml", found=error) from error
    uv_settings = document.get("tool", {}).get("uv", {})
    if "project" in document:
        says_so = "build-system" in document or (tree / "setup.py").is_file()
        return Project(tree, "pyproject.toml", uv_settings.get("package") is not False, says_so, document)
    if (tree / "setup.py").is_file():
        return Project(tree, "setup.py", True, True, document)
    if (tree / "setup.cfg").is_file() and "[metadata]" in (tree / "setup.cfg").read_text(errors="replace"):
        return Project(tree, "setup.cfg", True, True, document)
    if "build-system" in document and "poetry" in document.get("tool", {}):
        return Project(tree, "pyproject.toml", document["tool"]["poetry"].get("package-mode", True), True, document)
    return Project(tree, None, False, False, document)


def dependency_files(tree: Path) -> dict[str, str]:
    """Return the files that may decide what is installed: relative name → SHA-256 of its content."""
    found = {tree / name for name in _NAMES}
    for pattern in _GLOBS:
        found.update(tree.glob(pattern))
    return {
        path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(found)
        if path.is_file() and not path.is_symlink()
    }


def in_poetry(document: dict[str, Any], group: str) -> bool:
    """Tell whether `group` stands in Poetry's own tables."""
    poetry = document.get("tool", {}).get("poetry", {})
    return group in poetry.get("group", {}) or (group == "dev" and "dev-dependencies" in poetry)


def compile_words(project: Project, config: TestConfig) -> list[str]:
    """Return the words of `uv pip compile` that name the declared dependencies; `-` reads more from its input."""
    words = []
    if project.metadata is not None:
        words.append(project.metadata)
        for extra in config.extras:
            words += ["--extra", extra]
    for group in config.groups:
        if group in project.document.get("dependency-groups", {}) or not in_poetry(project.document, group):
            words += ["--group", group]
    for file in config.requirements:
        if not (project.tree / file).is_file():
            raise TestSetupError(f"requirements file {file} is not there", where="test.requirements", found=file)
        words.append(file)
    return [*words, "-"]
