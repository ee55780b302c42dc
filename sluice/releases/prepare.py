"""A release made ready to run: unpacked once, with the environment that its lock names."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import filelock

from sluice.artifacts import ArtifactStore
from sluice.errors import DeployFailedError, SluiceError
from sluice.records.build import Release
from sluice.releases.bundle import APP, LOCK, WHEELS, BundleError, unpack
from sluice.settings import Home
from sluice.stages.testing.interpreter import find
from sluice.stages.testing.uv import uv

COMPLETE = ".complete"
LOCK_SECONDS = 900.0
Log = Callable[[str], None]


@dataclass(frozen=True)
class ReleaseDir:
    """Where a release lies: the folder that its service starts in, and the interpreter of its environment."""

    path: Path
    python: Path | None


class ReleaseInstallError(DeployFailedError):
    """The locked environment of a release cannot be installed."""

    code = "RELEASE_INSTALL"


def prepare_release(release: Release, home: Home, log: Log) -> ReleaseDir:
    """Return the release, unpacked below `home.releases` with its environment; done once, reused afterwards.

    Raises:
        ArtifactCorruptError: the bundle is gone, or has other bytes than its digest says.
        BundleError: it is no bundle.
        ReleaseInstallError: what its lock names cannot be installed.
    """
    digest = release.digest.removeprefix("sha256:")
    folder = home.releases / digest
    home.releases.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(home.releases / f".{digest}.lock", timeout=LOCK_SECONDS):
        if not (folder / COMPLETE).is_file():
            _create(release, folder, home, log)
    return _ready(folder)


def _ready(folder: Path) -> ReleaseDir:
    python = folder / "env" / "bin" / "python"
    return ReleaseDir(folder / APP, python if python.exists() else None)


def _create(release: Release, folder: Path, home: Home, log: Log) -> None:
    """Unpack aside, move into place, then make the environment there: a venv knows its own path."""
    store = ArtifactStore(home.artifacts)
    store.read(release.artifact)  # checks every byte against the digest
    shutil.rmtree(folder, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(dir=home.releases, prefix=".new-"))
    try:
        unpack(store.open_path(release.artifact), aside)
        (aside / APP).mkdir(exist_ok=True)
        aside.rename(folder)
        if release.python is not None:
            _environment(release.python, folder, home, log)
        (folder / COMPLETE).touch()
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _environment(python: str, folder: Path, home: Home, log: Log) -> None:
    env, cache = folder / "env", home.cache / "uv"
    wheels = sorted((folder / WHEELS).glob("*.whl")) if (folder / WHEELS).is_dir() else []
    try:
        doing = "make the release's environment"
        uv(["venv", "--quiet", "--python", find(python), env], cwd=folder, cache=cache, log=log, doing=doing)
        into = ["pip", "install", "--quiet", "--python", env / "bin" / "python", "--compile-bytecode"]
        lock = folder / LOCK
        if lock.is_file():
            words = [*into, "--no-deps", "--requirements", lock]
            uv(words, cwd=folder, cache=cache, log=log, doing="install what the release's lock names")
        if wheels:
            words = [*into, "--no-deps", *wheels]
            uv(words, cwd=folder, cache=cache, log=log, doing="install the release's wheel")
    except BundleError:
        raise
    except SluiceError as error:
        if error.transient:
            raise
        raise ReleaseInstallError(error.message, next_step=error.next_step) from error
