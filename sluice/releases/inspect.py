"""A finished bundle, looked into: what it needs of a machine, and what must never leave the repository with it."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from sluice.errors import InfrastructureError, SluiceError
from sluice.releases.archive import readable

LOOK_BYTES = 1 << 20  # of one file; keys and tokens stand at the beginning of small files
TEMPLATES = {"example", "sample", "template", "dist", "defaults", "schema"}
_ENV_FILE = re.compile(r"\.env(?:\.(?P<kind>[^/]+))?")
_NAMES = {
    ".git": "the repository itself",
    ".netrc": "passwords of hosts",
    "_netrc": "passwords of hosts",
    ".pypirc": "passwords of package indexes",
    ".git-credentials": "passwords of git hosts",
    ".htpasswd": "password hashes",
    "id_rsa": "a private key",
    "id_dsa": "a private key",
    "id_ecdsa": "a private key",
    "id_ed25519": "a private key",
}
_STORES = (".p12", ".pfx", ".jks", ".keystore")
_CONTENT = {
    "a private key": re.compile(
        rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)+(?:[\w-]+: .*\s+)*[A-Za-z0-9+/=\s\\]{100,}"
    ),
    "an AWS access key": re.compile(rb"\b(?:AKIA|ASIA)(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}\b"),
    "a GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82})\b"),
    "a GitLab token": re.compile(rb"\bglpat-[A-Za-z0-9_-]{20}\b"),
    "a Slack token": re.compile(rb"\bxox[abprs]-[0-9]{10,}-[A-Za-z0-9-]{20,}"),
    "a Stripe key": re.compile(rb"\b[sr]k_live_[A-Za-z0-9]{24,}\b"),
}


class BundleUnreadableError(InfrastructureError):
    """The bundle that was just written cannot be read back."""

    code = "RELEASE_UNREADABLE"
    next_step = "Check the disk, then build again: `sluice run --fresh`."


@dataclass(frozen=True)
class Inspection:
    """What lies in a bundle.

    Attributes:
        files: how many files were looked at, those inside of wheels included.
        secrets: `path: what it is`, in the order of the bundle; no value is shown.
        wheels: file names of its wheels.
    """

    files: int
    secrets: tuple[str, ...]
    wheels: tuple[str, ...]


def inspect(bundle: Path) -> Inspection:
    """Look at every file of a bundle and of the wheels in it.

    Raises:
        BundleUnreadableError: it is no archive, or a wheel in it is none.
    """
    files, found, wheels = 0, [], []

    def refused(error: Exception) -> SluiceError:
        return BundleUnreadableError("the bundle cannot be read back", where=bundle.name, found=error)

    with readable(refused, bundle):
        for name, head in _files(bundle):
            files += 1
            problem = problem_of(name, head)
            if problem:
                found.append(f"{name}: {problem}")
            if name.endswith(".whl"):
                wheels.append(PurePosixPath(name).name)
    return Inspection(files, tuple(found), tuple(wheels))


def suspicious(name: str) -> str:
    """Return what a file of this name is when it has no place in a release; empty when it may be there."""
    path = PurePosixPath(name)
    for part in path.parts:
        if part in _NAMES:
            return _NAMES[part]
    match = _ENV_FILE.fullmatch(path.name)
    if match and (match["kind"] or "").rpartition(".")[2] not in TEMPLATES:
        return "a file of environment variables"
    if path.suffix in _STORES:
        return "a key store"
    return "credentials of a cloud" if path.parts[-2:] == (".aws", "credentials") else ""


def problem_of(name: str, head: bytes) -> str:
    """Return why a file must not be in a release, by its name and its beginning; empty when it may."""
    return suspicious(name) or _content(head)


def _content(head: bytes) -> str:
    return next((what for what, pattern in _CONTENT.items() if pattern.search(head)), "")


def _files(bundle: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and beginning of each file; links have no content of their own."""
    with tarfile.open(bundle, "r|gz") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is None:
                yield member.name, b""
            elif member.name.endswith(".whl"):
                yield member.name, b""
                yield from _wheel(member.name, file)
            else:
                yield member.name, file.read(LOOK_BYTES)


def _wheel(name: str, file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(file.read())) as box:
        for entry in box.infolist():
            if not entry.is_dir():
                with box.open(entry) as inner:
                    yield f"{name}/{entry.filename}", inner.read(LOOK_BYTES)
