"""Releases of the target `process` before they run: unpacked, with their program, and asked a question."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

from sluice import command
from sluice.artifacts import ArtifactStore, sha256_file
from sluice.config.model import Service
from sluice.errors import DeployFailedError
from sluice.records.build import Release
from sluice.settings import Home
from sluice.targets.base import Launch, Log, Prepared, Said
from sluice.targets.replica import environment_of, search_path


class Unpacked(Protocol):
    """A release on disk."""

    @property
    def path(self) -> Path:
        """Folder that its service starts in."""

    @property
    def python(self) -> Path | None:
        """Interpreter of its locked environment; None when it has none."""


Unpack = Callable[[Release, Home, Log], Unpacked]


def prepare(unpack: Unpack, release: Release, service: Service, home: Home, log: Log) -> Prepared:
    """Unpack a release; refuse a service whose program is nowhere."""
    unpacked = unpack(release, home, log)
    refuse_missing_program(service, unpacked.path, unpacked.python)
    python = str(unpacked.python) if unpacked.python else None
    return Prepared(place=str(unpacked.path), path=str(unpacked.path), python=python)


def in_store(release: Release, home: Home) -> bool:
    """Tell whether the release's bundle is in the artifact store, unharmed."""
    path = ArtifactStore(home.artifacts).path(release.artifact.sha256)
    return path.is_file() and sha256_file(path) == release.artifact.sha256


def ask(launch: Launch, secrets: Mapping[str, str], words: Sequence[str], seconds: float) -> Said:
    """Run one command in the release's folder and environment."""
    environment = environment_of(launch, secrets, port=0)
    done = command.run(list(words), cwd=Path(launch.path), env=environment, timeout=seconds, merge=True, accept=None)
    return Said(exit_code=None if done.timed_out else done.exit_code, output=done.tail(10))


def end_asked(mark: str) -> None:
    """End the processes that have this PGAPPNAME; those of other users cannot be ours."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("PGAPPNAME") == mark:
                process.kill()


def files_below(folder: Path, what: str) -> Iterable[tuple[str, Path]]:
    """Yield each regular file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield f"{what} {path.relative_to(folder)}", path


def refuse_missing_program(service: Service, path: Path, python: Path | None) -> None:
    """Refuse a command whose program the unpacked release and the system do not have."""
    program = service.command[0]
    found = (path / program).exists() if "/" in program else shutil.which(program, path=search_path(python))
    if not found:
        raise DeployFailedError(
            "the service's program is neither in the release's environment nor on this machine",
            code="PROGRAM_MISSING",
            where="sluice.yaml: service.command",
            found=program,
            next_step="Correct the command, or add the package that brings the program to the project's dependencies.",
        )
