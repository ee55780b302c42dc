"""The clean-up: what nobody used for a while goes, and nothing that serves, that a rollback needs, or that runs now."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from sluice.settings import Home
from sluice.store.needed import Needed
from sluice.targets.folders import Folders
from sluice.used import last_used

GONE = ".gone-"  # what is being removed: renamed first, so that nobody finds it half
UNFINISHED = (".new-", ".gone-")
UNFINISHED_SECONDS = 86400.0
# The file whose time of change is that of the last use.
MARKERS = {"environments": "lock.json", "releases": "ready.json", "mirrors": "HEAD"}


@dataclass(frozen=True)
class Freed:
    """What went from one part of the home: how many things, and their bytes (files that others share by links too)."""

    part: str
    things: int
    size: int


class CleanUp:
    """One clean-up of a home.

    Args:
        needed: what stays, as the database has it.
        seconds: age from which on unused things go.
        dry_run: look only.
    """

    def __init__(self, home: Home, needed: Needed, seconds: float, *, dry_run: bool = False) -> None:
        self.home = home
        self.needed = needed
        self.dry_run = dry_run
        self.before = time.time() - seconds
        if needed.oldest_run is not None:  # a run may still need whatever was used since it began
            self.before = min(self.before, needed.oldest_run.timestamp())

    def run(self) -> tuple[Freed, ...]:
        """Clean every part; return what went, or would go."""
        serving = {replicas.release.digest for replicas in Folders(self.home).sets()}
        kept = {digest.removeprefix("sha256:") for digest in self.needed.releases | serving}
        return (
            self._part("workspaces", self._old(self.home.workspaces)),
            self._part("environments", self._locked(self.home.environments)),
            self._part("releases", (path for path in self._locked(self.home.releases) if path.name not in kept)),
            self._part("mirrors", self._locked(self.home.mirrors)),
            self._part("artifacts", self._artifacts()),
            self._part("results", self._results()),
            self._part("run logs", self._old(self.home.runs)),
        )

    def _part(self, name: str, paths: Iterable[Path]) -> Freed:
        things = size = 0
        for path in paths:
            things += 1
            size += size_of(path)
            if not self.dry_run:
                _remove(path)
        return Freed(name, things, size)

    def _old(self, folder: Path) -> Iterator[Path]:
        """Yield the folders of runs in which nothing was written for long enough."""
        for path in sorted(folder.iterdir()):
            newest = max((last_used(each) for each in (path, *path.iterdir())), default=0.0) if path.is_dir() else 0.0
            if newest < self.before:
                yield path

    def _locked(self, folder: Path) -> Iterator[Path]:
        """Yield what is unused, each under the lock of those who make and use it, and what was never finished."""
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                if last_used(path) < min(self.before, time.time() - UNFINISHED_SECONDS):
                    yield path
            elif path.is_dir() and self._unused(path, MARKERS[folder.name]):
                with _held(path) as mine:
                    if mine and self._unused(path, MARKERS[folder.name]):
                        yield path

    def _unused(self, path: Path, marker: str) -> bool:
        file = path / marker
        return last_used(file if file.exists() else path) < self.before

    def _artifacts(self) -> Iterator[Path]:
        for path in sorted(self.home.artifacts.glob("*/*")):
            stays = path.name in self.needed.artifacts
            if not stays and last_used(path) < self.before:
                yield path

    def _results(self) -> Iterator[Path]:
        """Yield Prefect's persisted results; the name of each ends in the run that made it."""
        for path in sorted(self.home.results.rglob("*")):
            stays = any(path.name.endswith(run) for run in self.needed.producers)
            if path.is_file() and not stays and last_used(path) < self.before:
                yield path


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    if not path.is_dir() or path.is_symlink():
        return _size(path)
    return sum(_size(Path(folder) / name) for folder, _, names in os.walk(path) for name in names)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold the lock beside `path` if nobody does; tell whether it is ours. The lock's file stays."""
    lock = filelock.FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _remove(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    gone = path if path.name.startswith(UNFINISHED) else path.with_name(f"{GONE}{path.name}")
    if gone != path:
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)  # what is left of it goes the next time
