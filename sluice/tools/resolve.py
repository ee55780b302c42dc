"""Which program each tool is, its version, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sluice.settings import Home
from sluice.tools import programs
from sluice.tools.programs import Source

VERSION_WORDS = {
    "git": ["--version"],
    "uv": ["--version"],
    "trivy": ["--version"],
    "bandit": ["--version"],
    "hadolint": ["--version"],
    "k6": ["version"],
    "caddy": ["version"],
    "postgres": ["--version"],
    "pg_dump": ["--version"],
    "node": ["--version"],
    "docker": ["--version"],
    "ssh": ["-V"],
}


@dataclass(frozen=True)
class Tool:
    """An outside program: its absolute path, its version, and who decided for it."""

    name: str
    path: Path
    version: str
    source: Source


def resolve(name: str, home: Home) -> Tool:
    """Return the program that tool `name` is, as :func:`sluice.tools.programs.find` finds it, with its version.

    Raises:
        ToolMissingError: it is not on this machine.
        CommandError, InfrastructureError: it does not run, or prints no version.
    """
    path = programs.find(name)
    version = programs.version(path, VERSION_WORDS[name], home.cache)
    return Tool(name, path, version, programs.source_of(name, path))
