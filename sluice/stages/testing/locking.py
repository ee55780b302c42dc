"""From what a project declares to exact versions: its own lock where it has one, else a resolution that is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sluice.config.model import TestConfig
from sluice.stages.testing.dependencies import Project, compile_words
from sluice.stages.testing.errors import TestSetupError
from sluice.stages.testing.interpreter import Interpreter
from sluice.stages.testing.poetry import poetry_requirements
from sluice.tools.uv import Uv

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*(?P<version>[^\s;\\]+)", re.ASCII)


@dataclass(frozen=True)
class Lock:
    """Exact requirements.

    Attributes:
        remote: requirement lines that are the same for every run.
        local: parts of the workspace itself (`-e ./sub`), relative to it; installed anew by each run.
        source: what they come from: `uv.lock` or `resolved`.
    """

    remote: tuple[str, ...]
    local: tuple[str, ...]
    source: str

    def versions(self) -> dict[str, str]:
        """Return distribution name (normalised) → version."""
        matches = (_PINNED.match(line) for line in self.remote)
        return {normalised(match["name"]): match["version"] for match in matches if match}


def normalised(name: str) -> str:
    """Return a distribution name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lock(project: Project, config: TestConfig, runners: Sequence[str], python: Interpreter, uv: Uv) -> Lock:
    """Return what to install for the tests: the project's dependencies, `packages`, and the runners' own.

    Raises:
        TestSetupError: no set of versions satisfies what is declared.
        TransientError: the index does not answer.
    """
    exported = _export(project, config, uv)
    if exported is not None:
        found = _split(exported, project, "uv.lock")
        asked = [*config.packages, *runners]
        missing = [one for one in asked if normalised(re.split(r"[^\w.-]", one)[0]) not in found.versions()]
        if not missing and not config.requirements:
            return found
        wanted = "\n".join([*_plain(exported), *asked])
        files = [file for file in config.requirements if (project.tree / file).is_file()]
        return _split(_compile([*files, "-"], wanted, python, uv), project, "uv.lock")
    wanted = "\n".join([*config.packages, *poetry_requirements(project, config), *runners])
    words = compile_words(project, config)
    return _split(_compile(words, wanted, python, uv), project, "resolved")


def _export(project: Project, config: TestConfig, uv: Uv) -> str | None:
    """Return uv.lock as requirement lines; None when there is none, or it does not fit pyproject.toml."""
    if not (project.tree / "uv.lock").is_file() or "project" not in project.document:
        return None
    words = [
        "export",
        "--frozen",
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--no-emit-project",
        "--no-default-groups",
    ]
    for extra in config.extras:
        words += ["--extra", extra]
    for group in config.groups:
        words += ["--group", group]
    try:
        return uv.run(words, "read uv.lock").output
    except TestSetupError as error:
        uv.log(f"uv.lock is not used: {error.message}")
        return None


def _plain(exported: str) -> list[str]:
    """Return requirement lines without hashes, which a second resolution cannot extend."""
    joined = exported.replace("\\\n", " ")
    return [re.sub(r"\s--hash=\S+", "", line).strip() for line in joined.splitlines()]


def _compile(words: list[str], wanted: str, python: Interpreter, uv: Uv) -> str:
    options = ["--quiet", "--no-header", "--no-annotate", "--no-strip-extras", "--python", python.path]
    return uv.run(["pip", "compile", *options, *words], "resolve the test dependencies", stdin=wanted + "\n").output


def _split(text: str, project: Project, source: str) -> Lock:
    """Part the lines that point into the workspace from those that every run shares."""
    remote, local = [], []
    tree = project.tree.resolve()
    for line in text.replace("\\\n", " ").splitlines():
        requirement = line.split(" #")[0].strip()
        if not requirement or requirement.startswith("#"):
            continue
        path = _local_path(requirement, tree)
        if path is None:
            remote.append(requirement)
        elif path != tree:  # the project itself is installed by each run anyway
            flag = "-e " if requirement.startswith("-e") else ""
            local.append(flag + path.relative_to(tree).as_posix())
    return Lock(tuple(sorted(set(remote))), tuple(sorted(set(local))), source)


def _local_path(requirement: str, tree: Path) -> Path | None:
    """Return the folder or file in the workspace that a requirement line means."""
    target = requirement.removeprefix("-e").strip().split(" ;")[0].strip()
    target = target.split(" @ ")[-1].strip()
    if target.startswith("file://"):
        path = Path(target.removeprefix("file://").split("#")[0])
    elif target.startswith((".", "/")) or requirement.startswith("-e"):
        path = tree / target
    else:
        return None
    path = path.resolve()
    return path if path.is_relative_to(tree) else None
