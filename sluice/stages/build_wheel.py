"""The wheel of a project, made so that the same source gives the same bytes."""

from __future__ import annotations

import time
import zipfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from email.parser import HeaderParser
from pathlib import Path

from sluice.errors import BuildFailedError, SluiceError
from sluice.releases.archive import readable

EARLIEST = 315532800  # 1980-01-01: zip knows no earlier time
COMPRESSION = 9


@dataclass(frozen=True)
class Wheel:
    """A wheel's own words: name, version and the requirement lines, those of extras included."""

    path: Path
    name: str
    version: str
    requires: tuple[str, ...]


def read_wheel(path: Path) -> Wheel:
    """Read the metadata of a wheel.

    Raises:
        BuildFailedError: it is no wheel, or says neither name nor version.
    """
    with _readable(path), zipfile.ZipFile(path) as box:
        name = next((entry for entry in box.namelist() if entry.endswith(".dist-info/METADATA")), None)
        text = box.read(name).decode("utf-8", "replace") if name else ""
    headers = HeaderParser().parsestr(text)
    if not headers["Name"] or not headers["Version"]:
        raise BuildFailedError("the wheel says neither name nor version", found=path.name)
    return Wheel(path, headers["Name"], headers["Version"], tuple(headers.get_all("Requires-Dist") or ()))


def normalise(path: Path, when: datetime) -> None:
    """Rewrite a wheel with its files sorted, one time, and modes that do not depend on anybody's umask.

    What is in the files is not touched, so RECORD stays true.

    Raises:
        BuildFailedError: it is no wheel that can be read.
    """
    moment = time.gmtime(max(int(when.timestamp()), EARLIEST))[:6]
    new = path.with_suffix(".new")
    with (
        _readable(path),
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as box,
    ):
        for entry in sorted(old.infolist(), key=_order):
            if entry.is_dir():
                continue
            fresh = zipfile.ZipInfo(entry.filename, moment)
            fresh.create_system = 3  # Unix, whatever made it
            fresh.external_attr = (0o100755 if (entry.external_attr >> 16) & 0o111 else 0o100644) << 16
            box.writestr(fresh, old.read(entry), zipfile.ZIP_DEFLATED, COMPRESSION)
    new.replace(path)


def _readable(path: Path) -> AbstractContextManager[None]:
    """Return the block in which a wheel is read: one that cannot be read is the project's fault, and is named."""

    def refused(error: Exception) -> SluiceError:
        return BuildFailedError("the backend made no wheel that can be read", where=path.name, found=error)

    return readable(refused, path)


def _order(entry: zipfile.ZipInfo) -> tuple[bool, bool, str]:
    """Sort as installers like it: metadata last, RECORD at the very end."""
    folder, _, name = entry.filename.rpartition("/")
    metadata = folder.split("/")[0].endswith(".dist-info")
    return metadata, metadata and name == "RECORD", entry.filename
