"""The release, unpacked for the scanners."""

from __future__ import annotations

import contextlib
import re
import shutil
import tarfile
import zipfile
from collections.abc import Generator
from pathlib import Path, PurePosixPath
from typing import IO

from sluice.errors import SluiceError
from sluice.releases.archive import readable, refuse_bomb

MAX_FILES = 200_000
MAX_BYTES = 4 << 30
DEPTH = 2  # a bundle, and the wheel or sdist in it
ARCHIVE = re.compile(r"\.(whl|zip|tar|tgz|tar\.(gz|xz|bz2))$")
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?==\s*(?P<version>[^\s;,)*]+)\)?\s*(?:;|$)"
)


class ReleaseUnreadableError(SluiceError):
    """The release is no archive that can be unpacked within limits."""

    code = "ARCHIVE_REFUSED"
    next_step = "Build again (`sluice run --fresh`); a release that cannot be read cannot be scanned."


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a release and the wheels and sdists in it below `folder`; links and special files are left out.

    Raises:
        ReleaseUnreadableError: no tar or zip, broken, an entry leads outside, or larger than 4 GiB or 200,000 files.
    """
    budget = _Budget()
    try:
        _unpack_all(archive, folder, budget)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # half a release is no release
        raise


def _unpack_all(archive: Path, folder: Path, budget: _Budget) -> None:
    _unpack(archive, folder, budget)
    for _ in range(DEPTH - 1):
        for inner in [path for path in folder.rglob("*") if path.is_file() and ARCHIVE.search(path.name)]:
            target = inner.with_name(inner.name + ".content")
            if not target.exists():
                _unpack(inner, target, budget)
    for metadata in [*folder.rglob("*.dist-info/METADATA"), *folder.rglob("PKG-INFO")]:
        _write_declared(metadata)


def declared(metadata: str) -> tuple[str, ...]:
    """Return the dependencies that a wheel's METADATA pins (`name==version`), those of its extras aside."""
    head = metadata.partition("\n\n")[0]
    values = re.findall(r"^Requires-Dist:\s*(.+)$", head, re.MULTILINE)
    pinned = (PINNED.match(value.strip()) for value in values if not re.search(r"extra\s*==", value))
    return tuple(f"{match['name']}=={match['version']}" for match in pinned if match)


def _write_declared(metadata: Path) -> None:
    """Put the pinned dependencies of a package into a file that scanners read."""
    pins = declared(metadata.read_text(encoding="utf-8", errors="replace"))
    target = metadata.with_name("requirements.txt")
    if pins and not target.exists():
        target.write_text("".join(f"{pin}\n" for pin in pins))


class _Budget:
    """What may still be unpacked."""

    def __init__(self) -> None:
        self.files = MAX_FILES
        self.bytes = MAX_BYTES

    def take(self, size: int, name: str) -> None:
        self.files -= 1
        self.bytes -= size
        if self.files < 0 or self.bytes < 0:
            raise ReleaseUnreadableError(
                "the release is too large to be scanned", where=name, allowed=f"{MAX_FILES} files, {MAX_BYTES} bytes"
            )


def _unpack(archive: Path, folder: Path, budget: _Budget) -> None:
    folder.mkdir(parents=True)
    packed, unpacked = archive.stat().st_size, 0

    def refused(error: Exception) -> SluiceError:
        return ReleaseUnreadableError("the release cannot be unpacked", where=archive.name, found=error)

    with readable(refused, folder), contextlib.closing(_entries(archive)) as entries:
        for name, size, file in entries:
            with file:
                budget.take(size, name)
                unpacked += size
                refuse_bomb(unpacked, packed, name)
                _write(_inside(folder, name), file, name)


def _write(target: Path, file: IO[bytes], name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("xb") as out:
            shutil.copyfileobj(file, out)
    except FileExistsError as error:
        raise ReleaseUnreadableError("an entry of the release is there twice", found=name) from error


def _entries(archive: Path) -> Generator[tuple[str, int, IO[bytes]], None, None]:
    """Yield the regular files of an archive: name, size, content."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as box:
            for info in box.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, box.open(info)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name, member.size, file


def _inside(folder: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ReleaseUnreadableError("an entry of the release leads outside", found=name)
    return folder / path
