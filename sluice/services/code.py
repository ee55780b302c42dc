"""The code that the services run: where it is, and whether it changed since they started."""

from __future__ import annotations

import hashlib
from pathlib import Path

import sluice
from sluice.services.fingerprint import fingerprint


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


def deployment_fingerprint() -> str:
    """Return a digest of what is registered: prefect.yaml, the flows, the forms of their parameters, the blocks."""
    digest = hashlib.sha256(str(root()).encode())
    requests = root() / "sluice" / "records" / "request.py"
    rooms = [path for room in ("flows", "blocks") for path in sorted((root() / room).glob("*.py"))]
    for path in [prefect_file(), requests, *rooms]:
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()
