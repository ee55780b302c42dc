"""JavaScript projects: the test script of package.json, when node's own runner can write JUnit for it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sluice.config.shapes import table
from sluice.config.tree import Tree
from sluice.errors import ConfigError

REPORT = "sluice-junit.xml"
# Through NODE_OPTIONS the project's own `npm test` runs as it stands and writes JUnit beside what it prints (node 20+).
NODE_OPTIONS = (
    "--test-reporter=spec --test-reporter-destination=stdout "
    f"--test-reporter=junit --test-reporter-destination={REPORT}"
)
_NODE_TEST = re.compile(r"\bnode\b[^&|;]*\s--test(?=\s|$)")


@dataclass(frozen=True)
class Script:
    """How a JavaScript project is tested.

    Attributes:
        command: words to run, empty when Sluice cannot know where JUnit comes from.
        setup: commands to run first.
        reason: why, for people.
    """

    command: tuple[str, ...]
    setup: tuple[tuple[str, ...], ...]
    reason: str


def read_package(tree: Tree) -> dict[str, Any]:
    """Return package.json, empty when there is none.

    Raises:
        ConfigError: it is not JSON.
    """
    text = tree.read("package.json")
    try:
        return table(json.loads(text)) if text else {}
    except (json.JSONDecodeError, RecursionError) as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise ConfigError(
            f"package.json is not valid JSON: {getattr(error, 'msg', 'nested too deep')}",
            where=f"package.json:{line}:{column}",
            next_step="Correct the file, then run again.",
        ) from error


def find_script(tree: Tree, package: dict[str, Any]) -> Script | None:
    """Return how the project is tested; None without a test script of its own."""
    script = table(package, "scripts").get("test")
    if not isinstance(script, str) or "no test specified" in script:
        return None
    shown = f"scripts.test in package.json is `{script[:60]}`"
    if not _NODE_TEST.search(script):
        return Script((), (), f"{shown}: make it write JUnit XML, then declare test.command and test.report")
    if "--test-reporter" in script:
        return Script((), (), f"{shown}, with a reporter of its own: declare test.command and test.report")
    return Script(("npm", "test"), _setup(tree, package), f"{shown}, which is node's own runner")


def _setup(tree: Tree, package: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    if not any(package.get(key) for key in ("dependencies", "devDependencies", "optionalDependencies")):
        return ()
    locked = tree.has("package-lock.json") or tree.has("npm-shrinkwrap.json")
    return (("npm", "ci" if locked else "install"),)
