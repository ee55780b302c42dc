"""How a project runs its tests by other tools: tox, nox, hatch, PDM, uv and Pipenv settings, read and never run."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from dataclasses import dataclass, replace

from sluice.config.manifest import Ini, Manifest
from sluice.config.shapes import table, texts
from sluice.config.tox_factors import conditioned
from sluice.config.tree import Tree

TEST_NAMES = re.compile(r"(?:unit[-_]?)?tests?|testing|pytest|unittest|py|hatch-test", re.IGNORECASE)
_REFERENCE = re.compile(r"\{\[([^\]]+)\](\w+)\}")
_EXTRAS = re.compile(r"^(?:-e\s*)?\.(?:/)?\[([^\]]+)\]$")


@dataclass(frozen=True)
class Recipe:
    """What one tool installs for the tests, and what it runs.

    Attributes:
        tool: where it was found, for people.
        groups, extras, requirements, packages: what it installs.
        commands: the lines it runs.
        last_resort: counts only when nothing better brings a test runner: it holds more than the tests need, or is old.
    """

    tool: str
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    last_resort: bool = False

    @property
    def installs(self) -> bool:
        """Tell whether it names anything to install."""
        return bool(self.groups or self.extras or self.requirements or self.packages)


def recipes(tree: Tree, manifest: Manifest) -> list[Recipe]:
    """Return the recipes of the tree."""
    found = [_tox(manifest.tox), *_tox_toml(tree, manifest), _nox(tree.read("noxfile.py") or ""), *_hatch(manifest)]
    late = [replace(recipe, last_resort=True) for recipe in (*_listed(manifest), _pipenv(tree)) if recipe]
    return [recipe for recipe in (*found, *late) if recipe and (recipe.installs or recipe.commands)]


def _recipe(tool: str, lines: list[str], commands: tuple[str, ...] = (), **more: tuple[str, ...]) -> Recipe:
    """Sort what pip would be given: `-r file`, `.[extra]`, requirement text; other options are left out."""
    requirements: list[str] = []
    extras = list(more.get("extras", ()))
    packages: list[str] = []
    for line in lines:
        text = re.sub(r"\s+#.*$", "", line.replace("{toxinidir}/", "").replace("{tox_root}/", "")).strip()
        file = re.fullmatch(r"(?:-r|--requirement)[\s=]*(\S+)", text)
        extra = _EXTRAS.match(text)
        if file and not file[1].startswith(("/", "{")) and ".." not in file[1]:
            requirements.append(file[1])
        elif extra:
            extras += [name.strip() for name in extra[1].split(",")]
        elif re.match(r"[A-Za-z0-9]", text) and not re.search(r"[{}]", text):
            packages.append(text)
    groups = more.get("groups", ())
    return Recipe(tool, groups, _unique(extras), _unique(requirements), _unique(packages), commands)


def _unique(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _tox(tox: Ini) -> Recipe | None:
    section = tox.get("testenv")
    if section is None:
        return None
    lines = [line for each in _lines(tox, section.get("deps", "")) if (line := conditioned(each)) is not None]
    words = {name: _words(section.get(name, "")) for name in ("extras", "dependency_groups")}
    commands = tuple(_lines(tox, section.get("commands", "")))
    return _recipe("[testenv] in tox.ini", lines, commands, groups=words["dependency_groups"], extras=words["extras"])


def _lines(tox: Ini, text: str, depth: int = 0) -> list[str]:
    """Return the lines of a tox value, references to other sections followed."""
    found: list[str] = []
    for line in (part.strip() for part in text.splitlines()):
        reference = _REFERENCE.fullmatch(line)
        if reference and depth < 5:
            found += _lines(tox, tox.get(reference[1], {}).get(reference[2], ""), depth + 1)
        elif line and not line.startswith("#"):
            found.append(line)
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[\s,]+", text) if word and not re.search(r"[{}:]", word))


def _tox_toml(tree: Tree, manifest: Manifest) -> list[Recipe]:
    try:
        document = tomllib.loads(tree.read("tox.toml") or "")
    except tomllib.TOMLDecodeError:
        document = {}  # tox itself would say so; the tests may not need it
    found = []
    for place, root in (("tox.toml", document), ("[tool.tox] in pyproject.toml", manifest.tool("tox"))):
        base = table(root, "env_run_base")
        if base:
            commands = tuple(" ".join(texts(command)) for command in base.get("commands", []) if command)
            groups, extras = texts(base.get("dependency_groups")), texts(base.get("extras"))
            found.append(_recipe(place, list(texts(base.get("deps"))), commands, groups=groups, extras=extras))
    return found


def _nox(text: str) -> Recipe | None:
    """Read the sessions that run tests: the literal words of `session.install(…)` and `session.run(…)`."""
    try:
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError):
        return None
    lines: list[str] = []
    commands: list[str] = []
    for function in functions:
        calls = [_literal_words(node) for node in ast.walk(function) if isinstance(node, ast.Call)]
        runs = [" ".join(words) for method, words in calls if method == "run"]
        if not TEST_NAMES.fullmatch(function.name) and not any("pytest" in run or "unittest" in run for run in runs):
            continue
        commands += runs
        for method, words in calls:
            lines += _pip_lines(words) if method == "install" else []
    return _recipe("noxfile.py", lines, tuple(commands)) if lines or commands else None


def _literal_words(call: ast.Call) -> tuple[str, list[str]]:
    words = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return str(getattr(call.func, "attr", "")), words


def _pip_lines(words: list[str]) -> list[str]:
    """Join `-r` and its file; `-e` needs no joining, the project is installed anyway."""
    rest = iter(words)
    lines = [f"-r {next(rest, '')}" if word in ("-r", "--requirement") else word for word in rest]
    return [line for line in lines if line not in ("-e", ".")]


def _hatch(manifest: Manifest) -> list[Recipe]:
    environments = manifest.tool("hatch", "envs")
    names = [name for name in environments if TEST_NAMES.fullmatch(name)] or ["default"]
    found = []
    for name in names:
        settings = table(environments, name)
        lines = [*texts(settings.get("dependencies")), *texts(settings.get("extra-dependencies"))]
        scripts = [text for value in table(settings, "scripts").values() for text in texts(value)]
        if name == "default" and not any("pytest" in line for line in [*lines, *scripts]):
            continue
        more = {"extras": texts(settings.get("features")), "groups": texts(settings.get("dependency-groups"))}
        found.append(_recipe(f"[tool.hatch.envs.{name}] in pyproject.toml", lines, tuple(scripts), **more))
    return found


def _listed(manifest: Manifest) -> list[Recipe]:
    """PDM's and uv's own lists of development dependencies; setuptools' `tests_require`."""
    pdm = manifest.tool("pdm", "dev-dependencies")
    chosen = [name for name in pdm if TEST_NAMES.fullmatch(name)] or list(pdm)
    lists = [(f"[tool.pdm.dev-dependencies].{name} in pyproject.toml", texts(pdm[name])) for name in chosen]
    lists.append(("[tool.uv].dev-dependencies in pyproject.toml", texts(manifest.tool("uv").get("dev-dependencies"))))
    lists.append(("tests_require in setup.py", texts(manifest.setup.get("tests_require"))))
    lists.append(("tests_require in setup.cfg", texts(manifest.setup_cfg.get("options", {}).get("tests_require"))))
    return [_recipe(place, list(lines)) for place, lines in lists if lines]


def _pipenv(tree: Tree) -> Recipe | None:
    try:
        document = tomllib.loads(tree.read("Pipfile") or "")
    except tomllib.TOMLDecodeError:
        return None
    wanted = {**table(document, "packages"), **table(document, "dev-packages")}
    lines = []
    for name, spec in wanted.items():
        version = spec.get("version", "*") if isinstance(spec, dict) else spec
        lines.append(name if version == "*" or not isinstance(version, str) else f"{name}{version}")
    return _recipe("Pipfile", lines) if lines else None


def first_program(command: str) -> str:
    """Return the program of a command line without leading variables, `-` or `python -m`."""
    try:
        words = shlex.split(command.removeprefix("-").strip())
    except ValueError:
        return ""
    words = [word for word in words if not re.match(r"\w+=", word)]
    if len(words) > 2 and re.match(r"(?:\{envpython\}|python[\d.]*)$", words[0]) and words[1] == "-m":
        return words[2]
    if len(words) > 3 and words[0] == "coverage" and words[1] == "run":
        return words[words.index("-m") + 1] if "-m" in words[:-1] else words[2]
    return words[0] if words else ""
