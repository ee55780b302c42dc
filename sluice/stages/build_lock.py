"""The exact, hashed requirements of a release: the project's own lock as it is, else a resolution that is kept.

A resolution asks the world for the newest versions, so it is made once for the same declarations and then kept in
`cache/locks`: the same input gives the same release on another day too. A fresh run makes it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from sluice.settings import Home
from sluice.stages.build_project import BuildProject
from sluice.stages.build_requirements import (
    LockError,
    distribution,
    local_path,
    normalised,
    pipfile_requirements,
    poetry_constraints,
    requirement_lines,
)
from sluice.stages.build_wheel import Wheel
from sluice.stages.testing.interpreter import Interpreter
from sluice.tools.uv import Uv, compile_lock

LOCK_SECONDS = 1800.0
_EXPORT = ("export", "--frozen", "--quiet", "--no-header", "--no-annotate", "--no-emit-project", "--no-default-groups")


@dataclass(frozen=True)
class Lock:
    """Pinned requirements.

    Attributes:
        text: requirement lines with hashes; empty when nothing is needed.
        local: folders of the workspace, relative, whose wheels belong to the release too.
        source: what it comes from.
    """

    text: str
    local: tuple[str, ...] = ()
    source: str = ""

    @property
    def packages(self) -> int:
        """How many requirements it pins."""
        return self.text.count("\n") - self.text.count("--hash=")


@dataclass(frozen=True)
class Locker:
    """Pins the dependencies of one build. `fresh`: resolve anew what was kept."""

    project: BuildProject
    extras: tuple[str, ...]
    python: Interpreter
    uv: Uv
    home: Home
    fresh: bool = False

    def build_constraints(self) -> str:
        """Return the pinned requirements of the build itself; the same backend makes the same wheel."""
        wanted = "".join(f"{line}\n" for line in self.project.build_requires)
        return self._kept("build", wanted, lambda: compile_lock(self.uv, ["-"], self.python.path, stdin=wanted))

    def release(self, wheel: Wheel | None) -> Lock:
        """Return the pinned requirements of the release.

        Raises:
            LockError: they cannot be satisfied, or point at what cannot be pinned.
            TransientError: the package index does not answer.
        """
        tree = self.project.tree
        if (tree / "uv.lock").is_file() and "project" in self.project.document:
            words = [*_EXPORT, *(word for extra in self.extras for word in ("--extra", extra))]
            return self._exported(self.uv.run(words, "read uv.lock").output)
        if (tree / "Pipfile.lock").is_file() and wheel is None:
            return Lock(pipfile_requirements((tree / "Pipfile.lock").read_text(encoding="utf-8")), (), "Pipfile.lock")
        return self._resolved(wheel)

    def _exported(self, text: str) -> Lock:
        """Return uv.lock's packages; where the index that it was made from knows no hashes, they are looked up."""
        blocks = requirement_lines(text)
        bare = [block for block in blocks if "--hash=" not in block and "==" in block]
        if not bare:
            return self._parted(text, "uv.lock")
        local = "".join(f"{block}\n" for block in blocks if local_path(block, self.project.tree) is not None)
        found = self._compiled("-", "\n".join(bare), stdin="\n".join(bare) + "\n")
        return Lock(found.text, self._parted(local, "uv.lock").local, "uv.lock")

    def _resolved(self, wheel: Wheel | None) -> Lock:
        requirements = self.project.tree / "requirements.txt"
        if self.project.static_dependencies and self.project.declares_dependencies(self.extras):
            return self._compiled("pyproject.toml", "pyproject.toml", extras=self.extras)
        if wheel is not None and any(self._counts(line) for line in wheel.requires):
            extras = f"[{','.join(self.extras)}]" if self.extras else ""
            line = f"{wheel.name}{extras} @ {wheel.path.as_uri()}\n"
            return self._compiled("-", "\n".join(sorted(wheel.requires)), stdin=line, own=wheel.name)
        if wheel is None and requirements.is_file():  # beside a package it mostly lists tools of its developers
            text = requirements.read_text(encoding="utf-8-sig", errors="replace")
            if "--hash=" in text:
                return self._parted(text, "requirements.txt")
            return self._compiled("requirements.txt", text) if requirement_lines(text) else Lock("")
        return Lock("")

    def _counts(self, line: str) -> bool:
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", line)
        return extra is None or extra[1] in self.extras

    def _compiled(
        self, file: str, declared: str, *, extras: Sequence[str] = (), stdin: str | None = None, own: str = ""
    ) -> Lock:
        words = [file, *(word for extra in extras for word in ("--extra", extra))]
        with_poetry = self._poetry_constraints()
        declared += with_poetry.read_text() if with_poetry else ""
        words += ["--constraints", str(with_poetry)] if with_poetry else []

        def resolve() -> str:
            return compile_lock(self.uv, words, self.python.path, stdin=stdin)

        text = self._kept("release", f"{file}\n{declared}", resolve)
        return self._parted(text, "resolved", own=own)

    def _poetry_constraints(self) -> Path | None:
        """Write the versions of poetry.lock as a file of constraints, named by its content."""
        file = self.project.tree / "poetry.lock"
        if not file.is_file():
            return None
        text = poetry_constraints(file.read_text(encoding="utf-8"))
        target = self.home.cache / "locks" / f"poetry-{hashlib.sha256(text.encode()).hexdigest()}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def _kept(self, what: str, declared: str, resolve: Callable[[], str]) -> str:
        """Return the resolution of the same declarations, made now when there is none."""
        if not declared.strip():
            return ""
        parts = [what, declared, self.extras, self.python.version, self.python.implementation, self.python.platform]
        settings = [self._settings(name) for name in ("pyproject.toml", "uv.toml", "constraints.txt")]
        key = hashlib.sha256(json.dumps([parts, settings]).encode()).hexdigest()
        file = self.home.cache / "locks" / f"{what}-{key}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=LOCK_SECONDS):
            if self.fresh or not file.is_file():
                new = file.with_suffix(f".{os.getpid()}")
                new.write_text(resolve(), encoding="utf-8")
                new.replace(file)
            return file.read_text(encoding="utf-8")

    def _settings(self, name: str) -> str:
        """Return what a settings file may say about resolution; of pyproject.toml all but the version counts."""
        file = self.project.tree / name
        if not file.is_file():
            return ""
        if name != "pyproject.toml":
            return file.read_text(encoding="utf-8", errors="replace")
        project = {key: value for key, value in self.project.document.get("project", {}).items() if key in _RESOLVES}
        return json.dumps([project, self.project.document.get("tool", {}).get("uv", {})], sort_keys=True, default=str)

    def _parted(self, text: str, source: str, own: str = "") -> Lock:
        """Part what the index gives from folders of the workspace, and refuse what is pinned to nothing."""
        kept, local = [], []
        for block in requirement_lines(text):
            path = local_path(block, self.project.tree)
            if path is not None:
                local.append(path)
            elif own and distribution(block) == normalised(own):
                continue
            elif "--hash=" in block or re.search(r"@\s*git\+\S+@[0-9a-f]{40}\b", block):
                kept.append(block)
            else:
                raise LockError("a requirement is pinned to nothing", where=source, found=block.split("\n")[0])
        own_folder = {"", "."}
        return Lock("".join(f"{block}\n" for block in kept), tuple(p for p in local if p not in own_folder), source)


_RESOLVES = ("name", "dependencies", "optional-dependencies", "requires-python", "dynamic")
