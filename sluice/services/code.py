"""The code that the services run: where it is, and whether it changed since they started."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import sluice

ROOMS = ("sluice", "flows", "tasks", "blocks", "data_checks")


def root() -> Path:
    """Return the folder that holds the packages: a clone, or site-packages."""
    return Path(sluice.__file__).resolve().parent.parent


def prefect_file() -> Path:
    """Return prefect.yaml: at the root of a clone, inside the package when installed."""
    clone = root() / "prefect.yaml"
    return clone if clone.exists() else root() / "sluice" / "prefect.yaml"


def version() -> str:
    """Return Sluice's version and the beginning of the code's digest, e.g. `0.1.0+3f2a9c1d`."""
    return f"{sluice.__version__}+{fingerprint()[:8]}"


def fingerprint() -> str:
    """Return a digest of every source file's name, size and time of change; takes milliseconds.

    Every command waits for it, hence no `Path` a file.
    """
    digest = hashlib.sha256()
    top = str(root())
    for line in sorted(line for room in ROOMS for line in _sources(f"{top}/{room}")):
        digest.update(line.encode())
    return digest.hexdigest()


def _sources(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{entry.path}:{status.st_size}:{status.st_mtime_ns}\n"


def deployment_fingerprint() -> str:
    """Return a digest of what is registered: prefect.yaml, the flows, the forms of their parameters, the blocks."""
    digest = hashlib.sha256(str(root()).encode())
    requests = root() / "sluice" / "records" / "request.py"
    rooms = [path for room in ("flows", "blocks") for path in sorted((root() / room).glob("*.py"))]
    for path in [prefect_file(), requests, *rooms]:
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()
