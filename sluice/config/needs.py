"""What a project's tests need to be installed, as far as the project says it somewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sluice.config.manifest import Manifest
from sluice.config.recipes import TEST_NAMES, Recipe
from sluice.config.tree import Tree

_DEVELOPMENT = re.compile(r"dev|develop|development|all[-_]?dev|ci", re.IGNORECASE)
_FILE = re.compile(r"(?:^|/)(?:(?P<before>\w+)[-_.])?requirements(?:[-_./](?P<after>[\w-]+))?\.(?:txt|in)$")
_RUNNERS = re.compile(r"^\s*(?:pytest|behave|robotframework|nose2?)\b", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Needs:
    """What is installed for the tests; `reasons` has one sentence a source."""

    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()
    wanted: dict[str, str] = field(default_factory=dict)


def needs(tree: Tree, manifest: Manifest, recipes: list[Recipe]) -> Needs:
    """Return what the tests need: what is called so and what tox, nox and the like install; else what is called dev."""
    found = _Collector(tree, manifest)
    found.named(TEST_NAMES)
    for recipe in sorted(recipes, key=lambda one: one.last_resort):
        if not (recipe.last_resort and found.has_runner):
            found.recipe(recipe)
    if not found.reasons:
        found.named(_DEVELOPMENT)
    found.runtime()
    return Needs(
        tuple(found.groups),
        tuple(found.extras),
        tuple(found.requirements),
        tuple(found.packages),
        tuple(found.reasons),
        found.wanted,
    )


class _Collector:
    """Adds one source after the other; what is there already is not added again."""

    def __init__(self, tree: Tree, manifest: Manifest) -> None:
        self.tree, self.manifest = tree, manifest
        self.groups: dict[str, None] = {}
        self.extras: dict[str, None] = {}
        self.requirements: dict[str, None] = {}
        self.packages: dict[str, None] = {}
        self.reasons: list[tuple[str, str]] = []
        self.wanted: dict[str, str] = {}

    @property
    def has_runner(self) -> bool:
        """Tell whether a test runner is asked for."""
        return bool(self.wanted.keys() & {"pytest", "behave", "robotframework"})

    def named(self, pattern: re.Pattern[str]) -> None:
        """Add groups, extras and requirements files whose name says what they are for."""
        for name, lines in self.manifest.groups.items():
            if pattern.fullmatch(name):
                self._add(self.groups, name, "a dependency group of that name", lines)
        for name, lines in self.manifest.extras.items():
            if pattern.fullmatch(name):
                self._add(self.extras, name, "an extra of that name", lines)
        for name in _requirements_files(self.tree, pattern):
            self._add(
                self.requirements, name, "named after its purpose", tuple((self.tree.read(name) or "").splitlines())
            )

    def recipe(self, recipe: Recipe) -> None:
        """Add what another tool installs for the tests, as far as it is there."""
        for name in recipe.groups:
            if name in self.manifest.groups:
                self._add(self.groups, name, recipe.tool, self.manifest.groups[name])
        for name in recipe.extras:
            if name in self.manifest.extras:
                self._add(self.extras, name, recipe.tool, self.manifest.extras[name])
        for name in recipe.requirements:
            text = self.tree.read(name)
            if text is not None:
                self._add(self.requirements, name, recipe.tool, tuple(text.splitlines()))
        for line in recipe.packages:
            self._add(self.packages, line, recipe.tool, (line,))

    def runtime(self) -> None:
        """Add requirements.txt where nothing else installs it: no package, or it brings the test runner."""
        text = self.tree.read("requirements.txt")
        if text is None or "requirements.txt" in self.requirements:
            return
        no_package = self.manifest.package is None and not self.manifest.project
        if no_package or (_RUNNERS.search(text) and not self.has_runner):
            why = "it is no package that would bring them" if no_package else "it brings the test runner"
            self._add(self.requirements, "requirements.txt", why, tuple(text.splitlines()))

    def _add(self, where: dict[str, None], name: str, reason: str, lines: tuple[str, ...]) -> None:
        if name in where:
            return
        where[name] = None
        self.reasons.append((name, reason))
        for line in lines:
            match = _NAME.match(line.strip())
            if match:
                self.wanted.setdefault(re.sub(r"[-_.]+", "-", match[0]).lower(), name)


def _requirements_files(tree: Tree, pattern: re.Pattern[str]) -> list[str]:
    """Return the requirements files for a purpose, e.g. `requirements-test.txt`, `tests/requirements.txt`."""
    found: dict[str, str] = {}
    for name in tree.match("*requirements*.txt", "*requirements*.in", "*requirements/*.txt", "*requirements/*.in"):
        if name.count("/") > 2 or name.startswith(("docs/", "examples/")):
            continue
        match = _FILE.search(name)
        folder = name.split("/")[0] if "/" in name and not (match and (match["before"] or match["after"])) else ""
        purpose = [part for part in (match["before"], match["after"], folder) if part] if match else []
        if any(pattern.fullmatch(part) for part in purpose):
            stem = name.rpartition(".")[0]
            if name.endswith(".txt") or stem not in found:  # the compiled file wins over its source
                found[stem] = name
    return sorted(found.values())
