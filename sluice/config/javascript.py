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
# Beside what node prints itself it writes JUnit (node 20 and later).
REPORTERS = (
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
    f"--test-reporter-destination={REPORT}",
)
_NODE_TEST = re.compile(r"(?<![\w-])node(?P<words>(?:\s[^&|;]*)?\s--test(?=[\s&|;]|$)[^&|;]*)")
_PLAIN_WORDS = re.compile(r"[\w./:=@,\s-]+")
_OTHER_SCRIPT = re.compile(r"\bnpm run (?:-s |--silent )?([\w:.-]+)")


@dataclass(frozen=True)
class Script:
    """How a JavaScript project is tested.

    Attributes:
        command: words to run, empty when Sluice cannot know where JUnit comes from.
        env: variables that the command needs.
        setup: commands to run first.
        reason: why, for people.
    """

    command: tuple[str, ...]
    env: dict[str, str]
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
    scripts = {name: text for name, text in table(package, "scripts").items() if isinstance(text, str)}
    script = scripts.get("test", "")
    if not script or "no test specified" in script:
        return None
    shown = f"scripts.test in package.json is `{script[:60]}`"
    runs = [name for name in _reached(scripts) if _NODE_TEST.search(scripts[name])]
    if len(runs) != 1:
        return Script((), {}, (), f"{shown}: make it write JUnit XML, then declare test.command and test.report")
    if "--test-reporter" in scripts[runs[0]]:
        return Script((), {}, (), f"{shown}, with a reporter of its own: declare test.command and test.report")
    part = "" if runs == ["test"] else f", its part {runs[0]} is `{scripts[runs[0]][:60]}`"
    command, env = _command(scripts, runs[0])
    return Script(command, env, _setup(tree, package), f"{shown}{part}, which is node's own runner")


def _reached(scripts: dict[str, str]) -> list[str]:
    """Return `test` and the scripts that it runs by `npm run`, in their order."""
    reached, waiting = [], ["test"]
    while waiting:
        name = waiting.pop(0)
        if name in scripts and name not in reached:
            reached.append(name)
            waiting += _OTHER_SCRIPT.findall(scripts[name])
    return reached


def _command(scripts: dict[str, str], name: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the words, and the variables that make them write JUnit.

    Plain words go to node as they stand. What needs a shell, or another script first, goes through npm as it stands,
    and node learns of the report through NODE_OPTIONS.
    """
    match = _NODE_TEST.search(scripts[name])
    words = match["words"] if match else ""
    if _PLAIN_WORDS.fullmatch(words) and f"pre{name}" not in scripts:
        return ("node", *REPORTERS, *words.split()), {}
    return ("npm", "test") if name == "test" else ("npm", "run", name), {"NODE_OPTIONS": " ".join(REPORTERS)}


def _setup(tree: Tree, package: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    if not any(package.get(key) for key in ("dependencies", "devDependencies", "optionalDependencies")):
        return ()
    locked = tree.has("package-lock.json") or tree.has("npm-shrinkwrap.json")
    return (("npm", "ci" if locked else "install"),)
