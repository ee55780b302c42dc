"""What a Python project says of itself in pyproject.toml, setup.cfg, setup.py, tox.ini; none of it is executed."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice.config.shapes import table, texts
from sluice.config.tree import Tree
from sluice.errors import ConfigError

Ini = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Manifest:
    """The parsed files; what is not there is empty.

    Attributes:
        pyproject: pyproject.toml.
        setup_cfg: sections of setup.cfg.
        tox: sections of tox.ini, or of `legacy_tox_ini`.
        setup: literal keyword arguments of `setup(…)` in setup.py.
        has_setup: there is a setup.py.
    """

    pyproject: dict[str, Any]
    setup_cfg: Ini
    tox: Ini
    setup: Mapping[str, Any]
    has_setup: bool

    @property
    def project(self) -> dict[str, Any]:
        """Return `[project]`."""
        return table(self.pyproject, "project")

    def tool(self, *names: str) -> dict[str, Any]:
        """Return `[tool.<names>]`."""
        return table(self.pyproject, "tool", *names)

    @property
    def name(self) -> tuple[str, str] | None:
        """Return the distribution's name and the place where it stands."""
        candidates = (
            (self.project.get("name"), "[project].name in pyproject.toml"),
            (self.tool("poetry").get("name"), "[tool.poetry].name in pyproject.toml"),
            (self.setup_cfg.get("metadata", {}).get("name"), "[metadata] name in setup.cfg"),
            (self.setup.get("name"), "name in setup.py"),
        )
        return next(((name, place) for name, place in candidates if isinstance(name, str) and name), None)

    @property
    def package(self) -> str | None:
        """Return why the project can be installed as a package, None when it cannot."""
        if self.tool("uv").get("package") is False or self.tool("poetry").get("package-mode") is False:
            return None
        if "build-system" in self.pyproject and (
            self.project or self.tool("poetry") or self.setup_cfg or self.has_setup
        ):
            return "[build-system] in pyproject.toml"
        if self.has_setup:
            return "setup.py"
        if "name" in self.setup_cfg.get("metadata", {}):
            return "[metadata] in setup.cfg"
        return None

    @property
    def requires_python(self) -> tuple[str, str] | None:
        """Return the Python versions it is for and the place where they stand."""
        candidates = (
            (self.project.get("requires-python"), "requires-python in pyproject.toml"),
            (self.tool("poetry", "dependencies").get("python"), "[tool.poetry.dependencies] in pyproject.toml"),
            (self.setup_cfg.get("options", {}).get("python_requires"), "python_requires in setup.cfg"),
            (self.setup.get("python_requires"), "python_requires in setup.py"),
        )
        return next(((text, place) for text, place in candidates if isinstance(text, str) and text), None)

    @property
    def extras(self) -> dict[str, tuple[str, ...]]:
        """Return the extras and what each asks for."""
        found = {name: texts(wanted) for name, wanted in table(self.project, "optional-dependencies").items()}
        for name, wanted in self.tool("poetry", "extras").items():
            found.setdefault(name, texts(wanted))
        for name, text in self.setup_cfg.get("options.extras_require", {}).items():
            found.setdefault(name, texts(text))
        for name, wanted in table(self.setup.get("extras_require")).items():
            found.setdefault(name, texts(wanted))
        return found

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the dependency groups (PEP 735 and Poetry's) and what each asks for."""
        found = {name: texts(wanted) for name, wanted in table(self.pyproject, "dependency-groups").items()}
        for name in self.tool("poetry", "group"):
            found.setdefault(name, tuple(self.tool("poetry", "group", name, "dependencies")))
        if self.tool("poetry", "dev-dependencies"):
            found.setdefault("dev", tuple(self.tool("poetry", "dev-dependencies")))
        return found


def read_manifest(tree: Tree) -> Manifest:
    """Return what the project says of itself.

    Raises:
        ConfigError: pyproject.toml, setup.cfg or tox.ini cannot be parsed.
    """
    pyproject = _toml(tree, "pyproject.toml")
    tox = tree.read("tox.ini") or table(pyproject, "tool", "tox").get("legacy_tox_ini")
    return Manifest(
        pyproject,
        _ini("setup.cfg", tree.read("setup.cfg")),
        _ini("tox.ini", tox if isinstance(tox, str) else None),
        _setup_arguments(tree.read("setup.py") or ""),
        tree.has("setup.py"),
    )


def _toml(tree: Tree, name: str) -> dict[str, Any]:
    text = tree.read(name)
    try:
        return tomllib.loads(text) if text else {}
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r"at line (\d+), column (\d+)", str(error))
        raise ConfigError(
            f"{name} is not valid TOML: {str(error).split(' (at ')[0]}",
            where=f"{name}:{where[1]}:{where[2]}" if where else name,
            next_step="Correct the file, then run again.",
        ) from error


def _ini(name: str, text: str | None) -> Ini:
    if not text:
        return {}
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of extras keep their case
    try:
        parser.read_string(text, name)
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), (1, ""))[0]
        raise ConfigError(
            f"{name} cannot be read: {str(error).splitlines()[0]}",
            where=f"{name}:{line}",
            next_step="Correct the file, then run again.",
        ) from error
    return {section: {key: value or "" for key, value in parser.items(section)} for section in parser.sections()}


def _setup_arguments(text: str) -> dict[str, Any]:
    """Return the keyword arguments of `setup(…)` that are literals; code is read, never run."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):  # Python 2, or no Python
        return {}
    constants = {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = [node for node in nodes if isinstance(node, ast.Call) and _called(node) == "setup"]
    found: dict[str, Any] = {}
    for keyword in [keyword for call in calls for keyword in call.keywords if keyword.arg]:
        value = constants.get(keyword.value.id) if isinstance(keyword.value, ast.Name) else keyword.value
        try:
            found[str(keyword.arg)] = ast.literal_eval(value) if value is not None else None
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue  # made at run time
    return found


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "id", getattr(node.func, "attr", "")))
