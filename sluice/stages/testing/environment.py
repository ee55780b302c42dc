"""The isolated environment of a cell: dependencies cached by their inputs, the project installed anew by each run.

`environments/<key>/venv` holds the dependencies only and is never run in: each run gets a copy by hard links, in which
the project is installed editable. So nothing that a run writes is seen by another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from sluice.config.model import TestConfig
from sluice.errors import InfrastructureError
from sluice.stages.testing.dependencies import Project, dependency_files, read_project
from sluice.stages.testing.errors import TestSetupError
from sluice.stages.testing.interpreter import Interpreter, choose
from sluice.stages.testing.locking import Lock, lock
from sluice.stages.workplace import Workplace
from sluice.tools.uv import Uv, create_venv, pip_install, uv_cache
from sluice.used import touch

LAYOUT = "1"  # raise it when the way an environment is made changes
LOCK_SECONDS = 1800.0
_INSTALLERS = ("pip==", "setuptools==", "wheel==")


@dataclass(frozen=True)
class Environment:
    """A virtual environment that is ready to test in.

    Attributes:
        folder: the environment; its programs are in `bin`.
        interpreter: the Python that it was made from.
        versions: distribution → version, of what was resolved.
        lock_sha256: digest of the exact requirements.
        lock_source: `uv.lock` or `resolved`.
        key: name of the cached dependencies.
    """

    folder: Path
    interpreter: Interpreter
    versions: dict[str, str]
    lock_sha256: str
    lock_source: str
    key: str

    @property
    def bin(self) -> Path:
        """Return the folder of programs."""
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        """Return its Python."""
        return self.bin / "python"

    @property
    def site_packages(self) -> Path:
        """Return where its packages are."""
        return next((self.folder / "lib").glob("python3.*")) / "site-packages"


def prepare(
    tree: Path, config: TestConfig, wanted: str | None, runners: Sequence[str], folder: Path, place: Workplace
) -> Environment:
    """Make the environment `folder` for the project in `tree`.

    Args:
        wanted: Python version that the cell names, None for the project's own choice.
        runners: requirements of the test runners.

    Raises:
        PythonMissingError, TestSetupError: what is declared cannot be had.
        TransientError: the network or the index failed.
    """
    project = read_project(tree)
    python = choose(wanted, tree, uv_cache(place.home))
    basics = ["pip"] if _minor(python) >= 12 else ["pip", "setuptools", "wheel"]  # as `python -m venv` gives
    base, found = _dependencies(project, config, [*runners, *basics], python, place)
    clone(base / "venv", folder)
    _install_workspace(project, found, folder, place)
    return Environment(
        folder=folder,
        interpreter=python,
        versions=found.versions(),
        lock_sha256=_digest(found),
        lock_source=found.source,
        key=base.name,
    )


def _minor(python: Interpreter) -> int:
    return int(python.version.split(".")[1])


def _digest(found: Lock) -> str:
    return hashlib.sha256("\n".join([*found.remote, *found.local]).encode()).hexdigest()


def environment_key(project: Project, config: TestConfig, runners: Sequence[str], python: Interpreter) -> str:
    """Return the name of the cached dependencies: a digest of all that decides them."""
    parts = {
        "layout": LAYOUT,
        "python": [python.path, python.version, python.implementation, python.platform],
        "files": dependency_files(project.tree),
        "declared": [config.extras, config.groups, config.requirements, config.packages],
        "runners": list(runners),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _dependencies(
    project: Project, config: TestConfig, runners: Sequence[str], python: Interpreter, place: Workplace
) -> tuple[Path, Lock]:
    """Return the folder of the cached dependencies, made now when they are not there, and what is in it."""
    home = place.home
    home.environments.mkdir(parents=True, exist_ok=True)
    base = home.environments / environment_key(project, config, runners, python)
    if (cached := _read(base)) is not None:
        place.log(f"dependencies: cached {base.name}")
        return base, cached
    with FileLock(f"{base}.lock", timeout=LOCK_SECONDS):
        if (cached := _read(base)) is not None:
            return base, cached
        shutil.rmtree(base, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{base.name}-", dir=home.environments))
        try:
            found = _make(aside, project, config, runners, python, place)
            aside.rename(base)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    return base, found


def _read(base: Path) -> Lock | None:
    touch(base / "lock.json")
    with contextlib.suppress(OSError, ValueError, KeyError):
        told = json.loads((base / "lock.json").read_text(encoding="utf-8"))
        return Lock(tuple(told["remote"]), tuple(told["local"]), told["source"])
    return None


def _make(
    aside: Path,
    project: Project,
    config: TestConfig,
    runners: Sequence[str],
    python: Interpreter,
    place: Workplace,
) -> Lock:
    uv = _uv(project, place)
    found = lock(project, config, runners, python, uv)
    requirements = aside / "requirements.txt"
    installed = create_venv(uv, aside / "venv", python.path)
    # Compiled once for all runs, the installers aside: they are many files that tests do not import.
    for wanted, more in ((False, ["--compile-bytecode"]), (True, [])):
        lines = [line for line in found.remote if line.startswith(_INSTALLERS) is wanted]
        requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
        pip_install(uv, installed, ["--no-deps", *more, "-r", requirements], "install the test dependencies")
    told = {"remote": found.remote, "local": found.local, "source": found.source}
    (aside / "lock.json").write_text(json.dumps(told), encoding="utf-8")
    return found


def _uv(project: Project, place: Workplace) -> Uv:
    return Uv(cwd=project.tree, cache=uv_cache(place.home), log=place.log, error=TestSetupError)


def _install_workspace(project: Project, found: Lock, venv: Path, place: Workplace) -> None:
    """Install what stands in the workspace: its own parts that the lock names, then the project itself."""
    parts: list[str] = []
    for line in found.local:
        parts += ["-e", "./" + line.removeprefix("-e ")] if line.startswith("-e ") else ["./" + line]
    if project.installable:
        parts += ["-e", "."]
    if not parts:
        return
    try:
        pip_install(_uv(project, place), venv / "bin" / "python", ["--no-deps", *parts], "install the project")
    except TestSetupError as error:
        if project.must_install:
            raise
        place.log(f"the project is not installed, its tests run from the tree: {error.message}")


def clone(source: Path, target: Path) -> None:
    """Copy a relocatable environment by hard links; by copying where the disk cannot link.

    Raises:
        InfrastructureError: no room, or no right to write.
    """
    shutil.rmtree(target, ignore_errors=True)
    try:
        target.mkdir(parents=True)
        _clone_folder(source, target)
    except OSError as error:
        raise InfrastructureError(
            f"the test environment cannot be made: {error.strerror}",
            code="DISK_FULL" if error.errno == 28 else "ENVIRONMENT_COPY",
            where=str(target),
            next_step="Free space, or move the state with SLUICE_HOME, then run again.",
        ) from error


def _clone_folder(source: Path, target: Path) -> None:
    for entry in os.scandir(source):
        here = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            here.mkdir()
            _clone_folder(Path(entry.path), here)
            continue
        try:
            os.link(entry.path, here, follow_symlinks=False)
        except OSError:  # another disk, or one that cannot link
            shutil.copy2(entry.path, here, follow_symlinks=False)
