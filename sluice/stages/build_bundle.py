"""What goes into a release bundle: wheels, a lock and files of the tree."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sluice.config.model import BuildConfig
from sluice.errors import BuildFailedError
from sluice.globs import matches
from sluice.records.build import BuildRequest, PlatformCheck
from sluice.records.common import ArtifactRef
from sluice.releases.bundle import Member, write_bundle
from sluice.releases.manifest import Manifest
from sluice.releases.prepare import LOCK_NAME
from sluice.stages.build_lock import Lock, Locker
from sluice.stages.build_platforms import usable
from sluice.stages.build_project import BuildProject, look_at
from sluice.stages.build_wheel import Wheel, normalise, read_wheel
from sluice.stages.testing.interpreter import Interpreter, choose, named_by
from sluice.stages.workplace import Workplace, now
from sluice.tools import git
from sluice.tools.uv import Uv, build_wheel, uv_cache

SHORT = 12  # digits of the commit in a version that nobody declared


@dataclass(frozen=True)
class Bundle:
    """A written bundle.

    Attributes:
        lock: its lock in the artifact store; None: nothing is locked.
        python: interpreter that it was made for; None: it needs none.
        named_by: what chose that interpreter; empty: nobody did.
        platforms: where it can be installed.
    """

    path: Path
    contents: tuple[str, ...]
    file_count: int
    created_at: datetime
    lock: ArtifactRef | None
    lock_packages: int
    python: Interpreter | None
    named_by: str
    platforms: tuple[PlatformCheck, ...]


def make_bundle(request: BuildRequest, place: Workplace, scratch: Path) -> Bundle:
    """Build and pack what the workspace holds; `scratch` is an empty folder for it.

    Raises:
        BuildFailedError: it does not build, or there is nothing to pack.
    """
    tree = place.workspace
    tracked = git.tracked_files(tree)
    project = look_at(tree, [path for _mode, path in tracked])
    python = choose(request.config.python, tree, uv_cache(place.home)) if project.python else None
    uv = Uv(tree, uv_cache(place.home), place.log, timeout=request.config.timeout)
    wheels, lock = _python_parts(request, place, project, python, uv, scratch) if python else ((), Lock(""))
    files = list(_members(tree, tracked, request.config, package=project.package))
    contents = _contents(wheels, lock, files)
    manifest = Manifest(
        project=place.context.project,
        version=_version(request, project, wheels),
        commit=request.source.commit,
        tree=request.source.tree,
        committed_at=request.source.committed_at,
        python=".".join(python.version.split(".")[:2]) if python else None,
        contents=contents,
        command=request.command,
    )
    members = [*files, *(Member(f"wheels/{wheel.path.name}", file=wheel.path) for wheel in wheels)]
    members += [Member(LOCK_NAME, data=lock.text.encode())] if lock.text else []
    target = scratch / f"{manifest.project}-{manifest.version}.tar.gz".replace("/", "-")
    count = write_bundle(target, manifest, members, request.source.committed_at)
    stored = place.artifacts.put_bytes(lock.text.encode(), LOCK_NAME, "text/plain") if lock.text else None
    return Bundle(
        path=target,
        contents=contents,
        file_count=count,
        created_at=now(),
        lock=stored,
        lock_packages=lock.packages,
        python=python,
        named_by=named_by(request.config.python, tree) if python else "",
        platforms=usable(request.config.platforms, manifest.python, wheels, lock.text, uv),
    )


def _python_parts(
    request: BuildRequest, place: Workplace, project: BuildProject, python: Interpreter, uv: Uv, scratch: Path
) -> tuple[tuple[Wheel, ...], Lock]:
    locker = Locker(project, request.config.extras, python, uv, place.home, place.context.fresh)
    folder = scratch / "wheels"
    folder.mkdir()
    constraints = scratch / "build-constraints.txt"

    def wheel_of(source: Path) -> Wheel:
        if not constraints.exists():
            constraints.write_text(locker.build_constraints())
        pinned = constraints if constraints.stat().st_size else None
        epoch = int(request.source.committed_at.timestamp())
        path = build_wheel(uv, source, folder, python.path, pinned, epoch)
        normalise(path, request.source.committed_at)
        return read_wheel(path)

    own = wheel_of(project.tree) if project.package else None
    lock = locker.release(own)
    others = [wheel_of(project.tree / path) for path in lock.local]
    return tuple(wheel for wheel in (own, *others) if wheel is not None), lock


def _version(request: BuildRequest, project: BuildProject, wheels: Sequence[Wheel]) -> str:
    if project.package and wheels:
        return wheels[0].version
    return project.declared_version() or f"0+{request.source.commit[:SHORT]}"


def _contents(wheels: Sequence[Wheel], lock: Lock, files: Sequence[Member]) -> tuple[str, ...]:
    parts = [f"wheel {wheel.name} {wheel.version}" for wheel in wheels]
    parts += [f"lock of {lock.packages} packages"] if lock.text else []
    parts += [f"{len(files)} files"] if files else []
    if not wheels and not files:
        raise BuildFailedError(
            "there is nothing to release",
            where="build in sluice.yaml",
            allowed="a package, or at least one file that `include` takes and `exclude` leaves",
            next_step="Look at build.include and build.exclude.",
        )
    return tuple(parts)


def _members(tree: Path, tracked: Sequence[tuple[str, str]], config: BuildConfig, *, package: bool) -> Iterator[Member]:
    """Yield the tracked files that belong into the bundle, below `app/`."""
    for mode, path in tracked:
        if _is_packed(path, config, package=package):
            if mode == "120000":
                yield Member(f"app/{path}", link=_inner_link(tree, path))
            elif (tree / path).is_file():
                yield Member(f"app/{path}", file=tree / path, executable=mode == "100755")
            else:
                raise BuildFailedError("a file of the source is gone after the build", where=path)


def _is_packed(path: str, config: BuildConfig, *, package: bool) -> bool:
    if _any(path, config.exclude):
        return False
    return _any(path, config.include) if config.include else not package


def _any(path: str, globs: Sequence[str]) -> bool:
    folders = path.split("/")
    above = ["/".join(folders[: end + 1]) for end in range(len(folders))]  # a glob of a folder takes all below it
    return any(matches(part, glob.removeprefix("./").rstrip("/")) for glob in globs for part in above)


def _inner_link(tree: Path, path: str) -> str:
    target = str((tree / path).readlink())
    inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or inner == ".." or inner.startswith("../"):
        raise BuildFailedError(
            "a symlink of the source leads out of it",
            code="BUNDLE_LINK",
            where=path,
            found=target,
            next_step="Take it out of the release with build.exclude in sluice.yaml, or out of the repository.",
        )
    return target
