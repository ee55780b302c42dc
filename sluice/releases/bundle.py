"""The bundle: a tar.gz that is the same bytes for the same content, on every day and every machine."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sluice.errors import InfrastructureError

MANIFEST, LOCK = "manifest.json", "requirements.lock"
WHEELS, APP = "wheels", "app"
FORMAT = 1
MAX_BYTES = 4 << 30  # unpacked


class BundleError(InfrastructureError):
    """A bundle cannot be unpacked: it is not one, or not one of ours."""

    code = "ARCHIVE_REFUSED"
    next_step = "Build it again: `sluice run --fresh`."


@dataclass(frozen=True)
class Member:
    """One file of a bundle: its path in it, its bytes or the file or link that holds them."""

    name: str
    data: bytes | None = None
    path: Path | None = None
    executable: bool = False


def write_bundle(target: Path, members: Iterable[Member], made: datetime) -> int:
    """Write the bundle to `target`; return the number of its files.

    Sorted by name, owner 0, modes 0644 and 0755, times that of the commit: nothing of this machine or of now is in it.
    """
    sorted_members = sorted(members, key=lambda member: member.name)
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in sorted_members:
            _add(archive, member, int(made.timestamp()))
    return len(sorted_members)


def _add(archive: tarfile.TarFile, member: Member, mtime: int) -> None:
    info = tarfile.TarInfo(member.name)
    info.mtime = mtime
    info.mode = 0o755 if member.executable else 0o644
    if member.path is not None and member.path.is_symlink():
        info.type, info.linkname = tarfile.SYMTYPE, str(member.path.readlink())
        archive.addfile(info)
        return
    data = member.data if member.data is not None else member.path.read_bytes() if member.path else b""
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """Return the manifest as it is packed: sorted keys, one form only."""
    return (json.dumps({"format": FORMAT, **manifest}, sort_keys=True, indent=2) + "\n").encode()


def unpack(bundle: Path, folder: Path) -> dict[str, Any]:
    """Unpack a bundle below `folder` and return its manifest.

    Raises:
        BundleError: not a bundle, an entry or a link that leads outside, a device, or more than 4 GiB.
    """
    try:
        with tarfile.open(bundle, "r:gz") as archive:
            members = archive.getmembers()
            if sum(member.size for member in members) > MAX_BYTES:
                raise BundleError("the bundle is too large", found=bundle.name, allowed=f"{MAX_BYTES} bytes")
            archive.extractall(folder, members=members, filter="data")
        manifest = json.loads((folder / MANIFEST).read_text())
    except tarfile.FilterError as error:
        raise BundleError(f"the bundle has an entry that leads outside: {error}", where=bundle.name) from error
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, json.JSONDecodeError, FileNotFoundError) as error:
        raise BundleError(f"the bundle cannot be read: {error}", where=bundle.name) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleError("the bundle has another format", found=manifest, allowed=f"format {FORMAT}")
    return manifest
