"""What a bundle says of itself."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from sluice.errors import InfrastructureError
from sluice.records.common import Frozen

NAME = "manifest.json"
SIZE_LIMIT = 1 << 20


class ManifestError(InfrastructureError):
    """A bundle does not say what it is."""

    code = "RELEASE_UNREADABLE"
    next_step = "Build again: `sluice run --fresh`."


class Manifest(Frozen):
    """The first member of a bundle. Layout: `app/` files, `wheels/`, `requirements.lock`."""

    format: Literal[1] = 1
    project: str
    version: str
    commit: str
    tree: str
    committed_at: AwareDatetime
    python: str | None = Field(description="minor version that the lock is for, e.g. 3.11; None: no Python")
    contents: tuple[str, ...]
    command: tuple[str, ...] = Field(default=(), description="how the service is started; empty: it is none")

    def to_bytes(self) -> bytes:
        """Return the manifest as it stands in the bundle."""
        return (self.model_dump_json(indent=1) + "\n").encode()


def read_manifest(bundle: Path) -> Manifest:
    """Read the manifest of a bundle.

    Raises:
        ManifestError: it is no bundle of a format that this version knows.
    """
    try:
        with tarfile.open(bundle, "r:gz") as tar:
            first = tar.next()
            file = tar.extractfile(first) if first is not None and first.name == NAME and first.isreg() else None
            data = file.read(SIZE_LIMIT) if file is not None else b""
        return Manifest.model_validate_json(data)
    except (tarfile.TarError, OSError, EOFError, ValidationError) as error:
        raise ManifestError("the release has no manifest that can be read", found=bundle.name) from error
