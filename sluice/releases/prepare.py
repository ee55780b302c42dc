"""A release made ready to run: unpacked, with its locked environment, once a digest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from sluice.artifacts import ArtifactStore
from sluice.command import LineSink
from sluice.disk import needs_room
from sluice.errors import DeployFailedError, ToolMissingError
from sluice.records.build import Release
from sluice.releases.archive import extract, make_aside, verify
from sluice.releases.manifest import ManifestError, read_manifest
from sluice.settings import Home
from sluice.stages.testing.interpreter import find
from sluice.tools.uv import Uv, create_venv, pip_install, uv_cache
from sluice.used import touch

LOCK_SECONDS = 1800.0
MARKER = "ready.json"
LOCK_NAME = "requirements.lock"


class ReleaseSetupError(DeployFailedError):
    """The environment of a release cannot be made from its lock."""

    code = "RELEASE_SETUP_FAILED"
    next_step = "What served before keeps its place. The whole output is in the stage's log."


@dataclass(frozen=True)
class ReleaseDir:
    """A release on disk.

    Attributes:
        path: folder that its service starts in (`app`).
        python: interpreter of its locked environment; None when it needs no Python.
    """

    path: Path
    python: Path | None


def prepare_release(release: Release, home: Home, log: LineSink) -> ReleaseDir:
    """Return the release ready to run, made now unless it is there: `releases/<digest>/{app,venv}`.

    Safe to call from several processes, and to kill at any time.

    Raises:
        ArtifactCorruptError: the stored bundle is gone or is not this release.
        ArchiveRefusedError: the bundle has an entry that leads outside.
        ReleaseSetupError: the locked requirements cannot be installed.
        ToolMissingError: its Python version is not on this machine.
    """
    folder = home.releases / release.digest.removeprefix("sha256:")
    home.releases.mkdir(parents=True, exist_ok=True)
    with needs_room(folder), FileLock(f"{folder}.lock", timeout=LOCK_SECONDS):
        if not (folder / MARKER).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _make(release, home, folder, log)
        elif not _interpreter_is_there(folder):
            log("the Python that this release ran on is gone; its environment is made anew")
            shutil.rmtree(folder)
            _make(release, home, folder, log)
        touch(folder / MARKER)
    return _ready(folder)


def _ready(folder: Path) -> ReleaseDir:
    python = folder / "venv" / "bin" / "python"
    return ReleaseDir(folder / "app", python if (folder / "venv").is_dir() else None)


def _interpreter_is_there(folder: Path) -> bool:
    python = _ready(folder).python
    return python is None or os.access(python, os.X_OK)


def _make(release: Release, home: Home, folder: Path, log: LineSink) -> None:
    bundle = ArtifactStore(home.artifacts).open_path(release.artifact)
    verify(bundle, release.digest)
    manifest = read_manifest(bundle)
    if manifest.commit != release.commit:
        raise ManifestError("the bundle is of another commit", found=manifest.commit, allowed=release.commit)
    aside = make_aside(folder)
    try:
        extract(bundle, aside)
        (aside / "app").mkdir(exist_ok=True)
        if manifest.python is not None:
            _install(aside, manifest.python, Uv(aside, uv_cache(home), log, ReleaseSetupError))
        (aside / MARKER).write_text(json.dumps({"digest": release.digest, "commit": release.commit}))
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _install(folder: Path, version: str, uv: Uv) -> None:
    python = create_venv(uv, folder / "venv", _interpreter(version, uv.cache))
    hashed, pinned = _requirements(folder / LOCK_NAME)
    if hashed:
        file = folder / LOCK_NAME
        (folder / "hashed.txt").write_text("".join(f"{line}\n" for line in hashed))
        words: list[str | Path] = ["--no-deps", "--require-hashes", "--compile-bytecode", "-r", folder / "hashed.txt"]
        pip_install(uv, python, words, f"install {file.name}")
        (folder / "hashed.txt").unlink()
    for line in pinned:  # a commit id pins as well as a hash does, but uv takes it without
        pip_install(uv, python, ["--no-deps", "--compile-bytecode", line], "install a pinned repository")
    wheels = sorted((folder / "wheels").glob("*.whl"))
    if wheels:
        pip_install(uv, python, ["--no-deps", "--compile-bytecode", *wheels], "install the wheels of the release")


def _interpreter(version: str, cache: Path) -> str:
    try:
        return find(version, cache)
    except ToolMissingError as error:
        raise ToolMissingError(
            f"the release runs on Python {version}, which is not on this machine",
            code="PYTHON_MISSING",
            found=version,
            next_step=f"Install Python {version}, or set build.python in sluice.yaml.",
        ) from error


def _requirements(lock: Path) -> tuple[Sequence[str], Sequence[str]]:
    """Return the requirements that have hashes, and those that are pinned by a commit."""
    if not lock.is_file():
        return (), ()
    blocks = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    lines = [" ".join(block.split()) for block in blocks if block.strip()]
    return [line for line in lines if "--hash=" in line], [line for line in lines if "--hash=" not in line]
