"""Write a bundle: the same members give the same bytes, whoever writes them, where and when."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sluice.releases.manifest import NAME, Manifest

COMPRESSION = 6


@dataclass(frozen=True)
class Member:
    """One file of a bundle: its name in it, and a file on disk, or bytes, or the target of a symlink."""

    name: str
    file: Path | None = None
    data: bytes = b""
    link: str = ""
    executable: bool = False


def write_bundle(target: Path, manifest: Manifest, members: Iterable[Member], when: datetime) -> int:
    """Write a gzipped tar: manifest first, then the members sorted by name; return how many there are.

    Every member belongs to user 0, has mode 0644 or 0755 and the time `when`.
    """
    first = Member(NAME, data=manifest.to_bytes())
    everything = [first, *sorted(members, key=lambda member: member.name.encode("utf-8", "surrogateescape"))]
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=COMPRESSION, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar,
    ):
        for member in everything:
            _add(tar, member, max(int(when.timestamp()), 0))
    return len(everything)


def _add(tar: tarfile.TarFile, member: Member, moment: int) -> None:
    info = tarfile.TarInfo(member.name)
    info.mtime = moment
    info.mode = 0o755 if member.executable else 0o644
    if member.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, member.link, 0o777
        tar.addfile(info)
    elif member.file is None:
        info.size = len(member.data)
        tar.addfile(info, io.BytesIO(member.data))
    else:
        info.size = member.file.stat().st_size
        with member.file.open("rb") as file:
            tar.addfile(info, file)
