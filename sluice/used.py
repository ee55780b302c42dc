"""When something in the state directory was used last: the time of change of a file in it. The clean-up reads it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def touch(path: Path) -> None:
    """Say that `path` is used now; a file that is gone, or a disk that takes no writes, is the user's to find out."""
    with contextlib.suppress(OSError):
        os.utime(path)


def last_used(path: Path) -> float:
    """Return when `path` was used last, in seconds since the epoch; now, when it is gone or cannot be asked."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")
