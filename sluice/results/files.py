"""Taking report files out of a workspace that hostile code has written to."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sluice.results.problems import MAX_BYTES, ReportError, shown, size_text

MAX_FILES = 10_000
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not hang


@dataclass(frozen=True)
class Taken:
    """A report file as it was copied.

    Attributes:
        name: in the workspace.
        copy: where its content lies now.
        written_at: modification time, epoch seconds.
        identity: see :func:`identity`.
    """

    name: str
    copy: Path
    written_at: float
    identity: tuple[int, ...]


def snapshot(workspace: Path, pattern: str) -> dict[str, tuple[int, ...]]:
    """Return what already matches before a run: name → what no program can keep while it writes (inode, times, size).

    A pattern that leads outside matches nothing here; :func:`take` refuses it.
    """
    found = {}
    with contextlib.suppress(ReportError, OSError):
        for name in _matches(workspace, pattern):
            found[name] = identity((workspace / name).lstat())
    return found


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells a file that was written from one that was left alone."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def take(workspace: Path, pattern: str, into: Path, *, noun: str = "report", limit: int = MAX_BYTES) -> list[Taken]:
    """Copy the files that match `pattern` (relative, globs allowed) below `workspace` into the folder `into`.

    Nothing outside the workspace is opened, no symlink is followed, no more than `limit` bytes are read in all.

    Raises:
        ReportError: `REPORT_MISSING`, `REPORT_PATH_REFUSED` or `REPORT_TOO_LARGE`.
    """
    names = list(_matches(workspace, pattern))
    if not names:
        raise ReportError("REPORT_MISSING", f"no file matches {shown(pattern)} (looked in the workspace)")
    into.mkdir(parents=True, exist_ok=True)
    taken = []
    left = limit
    for ordinal, name in enumerate(names):
        copy = into / f"{noun}-{ordinal}"
        status = _copy(workspace, name, copy, left, limit)
        left -= copy.stat().st_size
        taken.append(Taken(name, copy, status.st_mtime, identity(status)))
    return taken


def take_one(workspace: Path, name: str, target: Path, limit: int) -> None:
    """Copy the one file `name` (no glob) below `workspace` to `target`; guarded as :func:`take` is.

    Raises:
        ReportError: as :func:`take`.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts:
        raise _refused(name)
    _copy(workspace, "/".join(parts), target, limit, limit)


def _matches(workspace: Path, pattern: str) -> Iterator[str]:
    """Yield the names below the workspace that match, sorted; symlinked folders are not entered."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if pattern.startswith("/") or ".." in parts or not parts:
        raise _refused(pattern)
    if not any(_is_glob(part) for part in parts):
        if os.path.lexists(workspace.joinpath(*parts)):
            yield "/".join(parts)
        return
    wanted = _compile(parts)
    found = 0
    for folder, folders, files in os.walk(workspace, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in (".git", "node_modules"))
        prefix = os.path.relpath(folder, workspace)
        for file in sorted(files):
            name = file if prefix == "." else f"{prefix}/{file}"
            if wanted.fullmatch(name):
                found += 1
                if found > MAX_FILES:
                    raise ReportError("REPORT_TOO_LARGE", f"more than {MAX_FILES} files match {shown(pattern)}")
                yield name


def _is_glob(part: str) -> bool:
    return any(sign in part for sign in "*?[")


def _compile(parts: list[str]) -> re.Pattern[str]:
    """Return the glob as an expression: `*` and `?` stay within a folder, `**` spans any number of them."""
    words = []
    for ordinal, part in enumerate(parts):
        last = ordinal == len(parts) - 1
        if part == "**":
            words.append(".*" if last else "(?:[^/]+/)*")
            continue
        text = "".join({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)) for sign in part)
        words.append(text if last else f"{text}/")
    return re.compile("".join(words), re.DOTALL)


def _copy(workspace: Path, name: str, target: Path, left: int, limit: int) -> os.stat_result:
    handle = _open_beneath(workspace, name)
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise _refused(name)
    with os.fdopen(handle, "rb") as source:
        if status.st_size > left:
            raise ReportError("REPORT_TOO_LARGE", f"{shown(name)}: {size_text(status.st_size)} > {size_text(limit)}")
        with target.open("wb") as out:
            size = 0
            while chunk := source.read(1 << 20):
                size += len(chunk)
                if size > left:  # it grew while it was read
                    raise ReportError("REPORT_TOO_LARGE", f"{shown(name)}: more than {size_text(limit)}")
                out.write(chunk)
    return status


def _open_beneath(workspace: Path, name: str) -> int:
    """Open a file folder by folder, so that no symlink on the way is followed."""
    *folders, file = name.split("/")
    here = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, _OPEN_FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(file, _OPEN_FILE, dir_fd=here)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise ReportError("REPORT_MISSING", f"{shown(name)} is gone") from error
        raise _refused(name) from error
    finally:
        os.close(here)


def _refused(name: str) -> ReportError:
    return ReportError("REPORT_PATH_REFUSED", f"{shown(name)} is not a regular file inside the workspace")
