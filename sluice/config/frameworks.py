"""Which test frameworks a project uses, by its settings first, then by what its test files are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sluice.config.manifest import Manifest
from sluice.config.recipes import Recipe, first_program
from sluice.config.shapes import table
from sluice.config.tree import Tree

READ = 300  # test files whose text is looked at
_IMPORTS_PYTEST = re.compile(r"^\s*(?:import|from)\s+pytest\b", re.MULTILINE)
_IMPORTS_UNITTEST = re.compile(r"^\s*(?:import|from)\s+(?:unittest|asynctest|django\.test)\b", re.MULTILINE)
_BARE_TEST = re.compile(r"^(?:async )?def test\w*\(", re.MULTILINE)
_ROBOT = re.compile(r"^\*+\s*(?:test cases?|tasks?)\s*\**", re.IGNORECASE | re.MULTILINE)
_PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")


@dataclass(frozen=True)
class Framework:
    """A framework that was found, why, and where its tests are when it would not find them itself."""

    name: str
    reason: str
    paths: tuple[str, ...] = ()


def frameworks(tree: Tree, manifest: Manifest, recipes: list[Recipe], wanted: dict[str, str]) -> list[Framework]:
    """Return the Python frameworks in the order in which they run.

    Args:
        wanted: distribution name → where the project asks for it, of its test dependencies.
    """
    tests = _test_files(tree)
    found = [_pytest(tree, manifest, recipes, wanted, tests) or _unittest(tree, recipes, tests)]
    found += [_behave(tree, wanted), _robot(tree)]
    return [framework for framework in found if framework]


def _test_files(tree: Tree) -> tuple[str, ...]:
    """Return the files that hold tests: `test*.py`, `*_test.py`, `tests.py`, or anything below a folder of tests."""
    named = tree.named("test_*.py", "*_test.py", "test.py", "tests.py", "test[!_]*.py", "*_tests.py")
    return tuple(name for name in named if not name.startswith(("docs/", "examples/", "samples/", "benchmarks/")))


def _pytest(
    tree: Tree, manifest: Manifest, recipes: list[Recipe], wanted: dict[str, str], tests: tuple[str, ...]
) -> Framework | None:
    reason = _pytest_settings(tree, manifest) or _runs(recipes, "pytest", "py.test")
    if not reason and not _runs(recipes, "unittest") and tests:
        reason = _pytest_in_code(tree, tests)
        if not reason and "pytest" in wanted:
            reason = f"{wanted['pytest']} asks for pytest"
    return Framework("pytest", reason) if reason else None


def _pytest_settings(tree: Tree, manifest: Manifest) -> str | None:
    settings = table(manifest.pyproject, "tool").get("pytest")
    if isinstance(settings, dict):
        name = "[tool.pytest.ini_options]" if "ini_options" in settings else "[tool.pytest]"
        return f"{name} in pyproject.toml"
    for name in _PYTEST_FILES:
        if tree.has(name):
            return name
    if "pytest" in manifest.tox:
        return "[pytest] in tox.ini"
    return "[tool:pytest] in setup.cfg" if "tool:pytest" in manifest.setup_cfg else None


def _runs(recipes: list[Recipe], *programs: str) -> str | None:
    for recipe in recipes:
        for command in recipe.commands:
            if first_program(command) in programs:
                return f"{recipe.tool} runs `{command[:60]}`"
    return None


def _pytest_in_code(tree: Tree, tests: tuple[str, ...]) -> str | None:
    conftest = tree.named("conftest.py")
    if conftest:
        return conftest[0]
    for name in tests[:READ]:
        text = tree.read(name) or ""
        if _IMPORTS_PYTEST.search(text):
            return f"{name} imports pytest"
        if _BARE_TEST.search(text) and not _IMPORTS_UNITTEST.search(text):
            return f"{name} has test functions outside a class, which only pytest runs"
    return None


def _unittest(tree: Tree, recipes: list[Recipe], tests: tuple[str, ...]) -> Framework | None:
    reason = _runs(recipes, "unittest")
    cases = [name for name in tests[:READ] if _IMPORTS_UNITTEST.search(tree.read(name) or "")]
    if not reason and cases:
        reason = f"{cases[0]} imports unittest and nothing asks for pytest"
    return Framework("unittest", reason, _start_folders(tree, cases)) if reason else None


def _start_folders(tree: Tree, cases: list[str]) -> tuple[str, ...]:
    """Return where discovery has to start: it enters no folder that is not a package. Empty: the root finds all."""
    starts: dict[str, None] = {}
    for name in cases:
        parts = name.split("/")[:-1]
        outside = [i for i in range(len(parts)) if not tree.folder_is_package("/".join(parts[: i + 1]))]
        starts["/".join(parts[: outside[-1] + 1]) if outside else "."] = None
    return () if set(starts) <= {"."} else tuple(sorted(starts))


def _behave(tree: Tree, wanted: dict[str, str]) -> Framework | None:
    features = [name for name in tree.named("*.feature") if not name.startswith(("docs/", "examples/"))]
    steps = [name for name in tree.match("*.py") if "/steps/" in f"/{name}"]
    if not features or not steps or any(name.startswith("pytest-bdd") for name in wanted):
        return None
    folder = features[0].split("/")[0] if "/" in features[0] else "."
    paths = () if features[0].startswith("features/") else (_above_steps(steps[0]) or folder,)
    return Framework("behave", f"{features[0]} with its steps in {steps[0]}", paths)


def _above_steps(name: str) -> str:
    return f"/{name}".split("/steps/")[0].strip("/")


def _robot(tree: Tree) -> Framework | None:
    suites = [name for name in tree.named("*.robot") if _ROBOT.search(tree.read(name) or "")]
    if not suites:
        return None
    tops = sorted({name.split("/")[0] if "/" in name else "." for name in suites})
    return Framework("robot", f"{suites[0]} holds test cases", () if "." in tops else tuple(tops))
