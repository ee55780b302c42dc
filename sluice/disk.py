"""A full disk is the world's fault and says so, wherever it is met."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.errors import InfrastructureError

FULL = (errno.ENOSPC, errno.EDQUOT)
AS_GOOD_AS_FULL = 4 << 20  # bytes
SAID = ("No space left on device", "Disk quota exceeded")


class DiskFullError(InfrastructureError):
    """There is no room to work in."""

    code = "DISK_FULL"
    next_step = "Free space, or move the state with SLUICE_HOME, then run again."


@contextmanager
def needs_room(where: Path) -> Iterator[None]:
    """Turn "no space left" inside the block into DiskFullError that names the disk of `where` and what is free."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise disk_full(where) from error


def disk_full(where: Path) -> DiskFullError:
    """Return the error for a full disk."""
    there = next((folder for folder in (where, *where.parents) if folder.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    return DiskFullError("the disk is full", where=str(there), found=f"{free / (1 << 20):.1f} MiB free")


def has_no_room(where: Path) -> bool:
    """Tell whether the disk of `where` is as good as full: for programs that do not say why they cannot write."""
    return shutil.disk_usage(where).free < AS_GOOD_AS_FULL


def says_full(text: str) -> bool:
    """Tell whether an outside program's words mean a full disk."""
    return any(words in text for words in SAID)
