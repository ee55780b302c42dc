"""Unpack a release: nothing outside its folder, no half of it, and only if its bytes are what the release says."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from sluice.artifacts import CHUNK, ArtifactCorruptError, ArtifactStore
from sluice.disk import FULL, disk_full
from sluice.errors import InfrastructureError, SluiceError
from sluice.records.build import Release

MAX_MEMBERS = 300_000
MAX_BYTES = 8 << 30
NAME_BYTES = 255
# A bomb of zeros is packed 1 : 1,028; code, texts and even sparse data stay far below the ratio.
BOMB_RATIO, BOMB_BYTES = 200, 64 << 20
# What reading a broken archive raises; RuntimeError: it is encrypted, NotImplementedError: packed in an unknown way.
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
_UNREADABLE = (RuntimeError, NotImplementedError, ValueError)


class ArchiveRefusedError(InfrastructureError):
    """An archive has an entry that could do harm, or is broken."""

    code = "ARCHIVE_REFUSED"
    next_step = "Build again: `sluice run --fresh`."


@contextmanager
def readable(refused: Callable[[Exception], SluiceError], where: Path) -> Iterator[None]:
    """Turn what an archive that cannot be read raises into `refused`; a full disk of `where` keeps its own error."""
    try:
        yield
    except (*_BROKEN, *_UNREADABLE) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise disk_full(where) from error
        raise refused(error) from error


def unpack(release: Release, artifacts: ArtifactStore, destination: Path) -> None:
    """Unpack a release into `destination`, which must not be there yet; it is there whole or not at all.

    Raises:
        ArtifactCorruptError: the stored file is gone, or is not the release.
        ArchiveRefusedError: an entry leads outside, is a device, hides another …
    """
    bundle = artifacts.open_path(release.artifact)
    verify(bundle, release.digest)
    aside = make_aside(destination)
    try:
        extract(bundle, aside)
        aside.rename(destination)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def make_aside(destination: Path) -> Path:
    """Return a new folder beside `destination`, to be renamed to it when it is whole."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
    aside.chmod(0o755)
    return aside


def verify(bundle: Path, digest: str) -> None:
    """Raise ArtifactCorruptError unless the file's bytes have this digest (`sha256:…`)."""
    with bundle.open("rb") as file:
        found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise ArtifactCorruptError("the stored release has other bytes", found=found, allowed=digest)


def extract(bundle: Path, folder: Path) -> None:
    """Extract a gzipped tar into an empty folder; regular files, folders and links that stay inside only."""
    seen: set[str] = set()
    links: dict[str, str] = {}
    left, packed = MAX_BYTES, bundle.stat().st_size

    def refused(error: Exception) -> SluiceError:
        return ArchiveRefusedError("the archive cannot be unpacked", where=bundle.name, found=error)

    with (
        readable(refused, folder),
        tarfile.open(bundle, "r|gz", encoding="utf-8", errors="strict") as tar,
    ):
        for member in tar:
            name = _checked(member, seen, links)
            left -= member.size
            if left < 0 or len(seen) > MAX_MEMBERS:
                raise _refused(member, f"the archive is larger than {MAX_BYTES} bytes or {MAX_MEMBERS} files")
            refuse_bomb(MAX_BYTES - left, packed, member.name)
            if member.issym():
                links[name] = _inside(member, name)
            elif member.isdir():
                (folder / name).mkdir(parents=True, exist_ok=True)
            else:
                _write(folder / name, tar.extractfile, member)
    for name, target in links.items():  # last: nothing was written through them
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)


def refuse_bomb(unpacked: int, packed: int, name: str) -> None:
    """Raise ArchiveRefusedError when so many bytes cannot honestly come out of so few."""
    if unpacked > BOMB_BYTES and unpacked > packed * BOMB_RATIO:
        raise ArchiveRefusedError(
            "the archive is a bomb", found=name, allowed=f"{BOMB_RATIO} bytes of content for each packed one"
        )


def _checked(member: tarfile.TarInfo, seen: set[str], links: dict[str, str]) -> str:
    path = PurePosixPath(member.name)
    parts = path.parts
    if not parts or path.is_absolute() or ".." in parts or "\0" in member.name or "\\" in member.name:
        raise _refused(member, "its name leads outside")
    if any(len(os.fsencode(part)) > NAME_BYTES for part in parts):
        raise _refused(member, "its name is too long")
    if not (member.isreg() or member.isdir() or member.issym()) or member.issparse():
        raise _refused(member, "it is no file, folder or link")
    if member.mode & 0o7000:
        raise _refused(member, "it would run with another user's rights")
    name = path.as_posix()
    if name in seen or any(parent.as_posix() in links for parent in path.parents):
        raise _refused(member, "it is there twice, or lies behind a link")
    seen.add(name)
    return name


def _inside(member: tarfile.TarInfo, name: str) -> str:
    """Return the target of a link that stays in the bundle's own folder."""
    target = PurePosixPath(member.linkname)
    depth = len(PurePosixPath(name).parts) - 1
    if target.is_absolute() or not member.linkname or "\0" in member.linkname:
        raise _refused(member, "link outside")
    for part in target.parts:
        depth += -1 if part == ".." else 1
        if depth < 1:  # the first folder (`app`) is the border
            raise _refused(member, "link outside")
    return member.linkname


def _write(target: Path, opened: Callable[[tarfile.TarInfo], IO[bytes] | None], member: tarfile.TarInfo) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o755 if member.mode & 0o111 else 0o644
    file = opened(member)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, mode), "wb") as out:
        if file is not None:
            shutil.copyfileobj(file, out, CHUNK)
        os.fchmod(out.fileno(), mode)


def _refused(member: tarfile.TarInfo, why: str) -> ArchiveRefusedError:
    return ArchiveRefusedError(f"an entry of the archive is refused: {why}", found=member.name)
