"""The locked environment of a release: exact versions with hashes, from the project's own lock where it has one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sluice.command import LineSink
from sluice.stages.testing.uv import uv

REQUIREMENTS = "requirements.txt"
_URL_OPTION = re.compile(r"^\s*(?:-i|--index-url|--extra-index-url|--find-links|-f|--trusted-host)\b")


@dataclass(frozen=True)
class Lock:
    """Requirement lines with hashes; `source` says where they come from: uv.lock, requirements.txt, resolved, none."""

    text: str
    source: str

    @property
    def sha256(self) -> str | None:
        """Digest of the lines; None when the release needs nothing."""
        return hashlib.sha256(self.text.encode()).hexdigest() if self.text.strip() else None


def lock(tree: Path, *, package: bool, extras: Sequence[str], python: str, cache: Path, log: LineSink) -> Lock:
    """Return what the release installs beside itself.

    A lock that the project keeps is used as it is. What is resolved here is remembered under its inputs, so that the
    same input gives the same lock on another day; a project that wants the same on another machine commits its lock.
    """
    if package and (tree / "uv.lock").is_file():
        return Lock(_export(tree, extras, cache, log), "uv.lock")
    declared = tree / REQUIREMENTS
    if not package and declared.is_file() and _is_locked(declared.read_text(encoding="utf-8", errors="replace")):
        return Lock(_plain(declared.read_text(encoding="utf-8", errors="replace")), REQUIREMENTS)
    source = _source(tree, package)
    if source is None:
        return Lock("", "none")
    return _remembered(tree, source, extras, python, cache, log)


def _source(tree: Path, package: bool) -> str | None:
    names = ("pyproject.toml", "setup.py", "setup.cfg") if package else (REQUIREMENTS,)
    return next((name for name in names if (tree / name).is_file()), None)


def _is_locked(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "-"))]
    return bool(lines) and "--hash=" in text and all("==" in line for line in lines)


def _export(tree: Path, extras: Sequence[str], cache: Path, log: LineSink) -> str:
    words = ["export", "--frozen", "--quiet", "--no-header", "--no-annotate", "--no-dev", "--no-emit-project"]
    words += [part for extra in extras for part in ("--extra", extra)]
    return _plain(uv(words, cwd=tree, cache=cache / "uv", log=log, doing="read uv.lock").output)


def _remembered(tree: Path, source: str, extras: Sequence[str], python: str, cache: Path, log: LineSink) -> Lock:
    key = hashlib.sha256()
    for part in (source, python, *sorted(extras)):
        key.update(part.encode() + b"\0")
    for name in ("pyproject.toml", "setup.py", "setup.cfg", REQUIREMENTS):
        file = tree / name
        key.update(name.encode() + b"\0" + (file.read_bytes() if file.is_file() else b"") + b"\0")
    kept = cache / "locks" / f"{key.hexdigest()}.txt"
    if not kept.is_file():
        words = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes", "--universal"]
        words += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", python]
        words += [part for extra in extras for part in ("--extra", extra)]
        done = uv([*words, source], cwd=tree, cache=cache / "uv", log=log, doing="lock the release's dependencies")
        kept.parent.mkdir(parents=True, exist_ok=True)
        aside = kept.with_suffix(f".{hashlib.sha256(str(tree).encode()).hexdigest()[:8]}")
        aside.write_text(_plain(done.output))
        aside.replace(kept)
    return Lock(kept.read_text(), "resolved")


def _plain(text: str) -> str:
    """Return the lines without comments and without the addresses of package indexes."""
    lines = (line.rstrip() for line in text.splitlines())
    kept = [line for line in lines if line and not line.lstrip().startswith("#") and not _URL_OPTION.match(line)]
    return "\n".join(kept) + "\n" if kept else ""
