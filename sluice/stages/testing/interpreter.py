"""Which Python a cell runs on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sluice.command import run
from sluice.stages.testing.errors import PythonMissingError
from sluice.tools import programs
from sluice.tools.uv import uv_environment

_PROBE = """
import json, platform, sys
print(json.dumps({"version": platform.python_version(), "implementation": platform.python_implementation(),
                  "path": sys.executable, "platform": sys.platform + "-" + platform.machine()}))
"""


_VERSION = re.compile(r"[\w.@+<>=!~*,-]{1,200}", re.ASCII)
_ELSEWHERE = {
    "setup.cfg": re.compile(r"^\s*python_requires\s*=\s*(.+)$", re.M),
    "setup.py": re.compile(r"python_requires\s*=\s*[\"']([^\"']+)"),
}


@dataclass(frozen=True)
class Interpreter:
    """A Python: absolute path, version (3.11.7), implementation (CPython), platform (linux-x86_64)."""

    path: str
    version: str
    implementation: str
    platform: str


def choose(wanted: str | None, tree: Path, cache: Path) -> Interpreter:
    """Return the Python of a cell: the one it names, else `.python-version`, else one that the project allows.

    Args:
        cache: uv's cache.

    Raises:
        PythonMissingError: no such Python is installed here.
    """
    if wanted is not None:
        return probe(find(wanted, cache))
    pinned = _pinned(tree)
    if pinned and (path := _find(pinned, cache)):
        return probe(path)
    allowed = requires_python(tree)
    if path := _find(allowed or ">=3.7", cache):
        return probe(path)
    raise PythonMissingError("no installed Python is one that the project allows", found=allowed)


def named_by(wanted: str | None, tree: Path) -> str:
    """Return what names the Python of a release exactly; empty when it is whichever this machine has."""
    if wanted is not None:
        return "build.python"
    return ".python-version" if _pinned(tree) else ""


def find(version: str, cache: Path) -> str:
    """Return the path of an installed Python of this version; PythonMissingError when there is none."""
    path = _find(version, cache)
    if path is None:
        raise PythonMissingError(f"Python {version} is not installed here", where="test.matrix.python", found=version)
    return path


@lru_cache(maxsize=64)
def _find(version: str, cache: Path) -> str | None:
    """Return the first Python that is `version` (`3.12`) or matches it (`>=3.9,<3.13`), our own before others."""
    if not _VERSION.fullmatch(version):
        return None
    own = Path(getattr(sys, "_base_executable", sys.executable)).parent
    managed = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin"))
    path = os.pathsep.join([str(own), os.environ.get("PATH", os.defpath), *map(str, managed)])
    done = run(
        [
            programs.find("uv"),
            "python",
            "find",
            "--no-project",
            "--no-config",
            "--system",
            "--no-python-downloads",
            version,
        ],
        env={**uv_environment(cache), "PATH": path},
        timeout=60,
        accept=None,
    )
    found = done.output.strip()
    return found if done.exit_code == 0 and found else None


@lru_cache(maxsize=64)
def probe(path: str) -> Interpreter:
    """Ask the Python at `path` what it is."""
    done = run([path, "-I", "-S", "-c", _PROBE], timeout=60)
    told = json.loads(done.output)
    return Interpreter(
        path=path, version=told["version"], implementation=told["implementation"], platform=told["platform"]
    )


def _pinned(tree: Path) -> str | None:
    file = tree / ".python-version"
    lines = file.read_text(encoding="utf-8", errors="replace").split() if file.is_file() else []
    return lines[0] if lines else None


def requires_python(tree: Path) -> str:
    """Return the project's `requires-python` as text, empty when it has none."""
    text = ""
    file = tree / "pyproject.toml"
    if file.is_file():
        with contextlib.suppress(tomllib.TOMLDecodeError, AttributeError):
            document = tomllib.loads(file.read_text(encoding="utf-8", errors="replace"))
            text = str(document.get("project", {}).get("requires-python", ""))
    for name, pattern in _ELSEWHERE.items():
        file = tree / name
        if not text and file.is_file():
            match = pattern.search(file.read_text(encoding="utf-8", errors="replace"))
            text = match[1] if match else ""
    return "".join(text.split())
