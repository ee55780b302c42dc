"""The build stage: one release bundle of one commit; same input, same digest."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from sluice.artifacts import sha256_file
from sluice.config.detect import detect
from sluice.errors import BuildFailedError
from sluice.globs import matches
from sluice.records.build import BuildRecord, BuildRequest, Release
from sluice.records.common import StageContext
from sluice.releases.bundle import APP, LOCK, MANIFEST, WHEELS, Member, manifest_bytes, write_bundle
from sluice.stages.build_lock import Lock, lock
from sluice.stages.build_wheel import build_wheel, wheel_version
from sluice.stages.testing.interpreter import choose
from sluice.stages.workplace import Workplace, now
from sluice.tools import git
from sluice.tools.meter import metered

RULES = "1"  # raise it when a build of the same inputs would give another release
NEVER = (".git", ".git/**")


def inputs(request: BuildRequest, _context: StageContext | None = None) -> dict[str, str]:
    """Return what decides the release, name to value, for the cache key and `sluice why`."""
    config = request.config.model_dump(mode="json", exclude={"timeout"})
    return {
        "source": request.source.identity,
        "submodules": str(request.source.submodules),
        "lfs": str(request.source.lfs),
        "config": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "python": request.config.python or "the project's choice",
        "machine": f"{platform.system()}-{platform.machine()}",
        "rules": RULES,
    }


@dataclass(frozen=True)
class Parts:
    """What goes into a bundle, and what is said about it."""

    members: tuple[Member, ...]
    contents: tuple[str, ...]
    version: str
    python: str | None
    lock: Lock


def build(request: BuildRequest, place: Workplace) -> BuildRecord:
    """Build the release from a clean tree of the accepted commit, and read it back from the store.

    Raises:
        BuildFailedError: the project does not build, or there is nothing to release.
        TransientError: the network failed.
    """
    started, source = now(), request.source
    with metered() as meter:
        tree = place.workspace / "source"
        git.materialise(source, tree, log=place.log)
        parts = _parts(request, place, tree)
        built_tree = git.workspace_tree(tree)
        target = place.workspace / "bundle.tar.gz"
        manifest = {
            "project": place.context.project,
            "version": parts.version,
            "commit": source.commit,
            "tree": built_tree,
            "python": parts.python,
            "contents": parts.contents,
            "lock": parts.lock.source,
        }
        members = [*parts.members, Member(MANIFEST, manifest_bytes(manifest))]
        count = write_bundle(target, members, source.committed_at)
        artifact = place.artifacts.put_file(target, "bundle.tar.gz", "application/gzip")
        stored = place.artifacts.open_path(artifact)
        release = Release(
            digest=f"sha256:{artifact.sha256}",
            kind="bundle",
            project=place.context.project,
            version=parts.version,
            commit=source.commit,
            artifact=artifact,
            python=parts.python,
        )
        return BuildRecord(
            run_id=place.context.run_id,
            started_at=started,
            ended_at=now(),
            passed=True,
            tools=meter.uses(),
            artifacts=(artifact,),
            inputs=inputs(request),
            release=release,
            read_back_digest=f"sha256:{sha256_file(stored)}",
            revision=source.commit,
            built_tree=built_tree,
            tested_tree=request.tested_tree,
            created_at=now(),
            size=artifact.size,
            file_count=count,
            contents=parts.contents,
            lock_sha256=parts.lock.sha256,
        )


def _parts(request: BuildRequest, place: Workplace, tree: Path) -> Parts:
    found = detect(tree, place.context.project)
    python = choose(request.config.python, tree) if found.package or "python" in _languages(found.languages) else None
    short = f"0+{request.source.commit[:12]}"
    version, wheels, files = short, [], _files(request, tree, everything=not found.package)
    if found.package:
        # The backend gets a copy: what it writes beside the source is not in the tree that is proved afterwards.
        copy = place.workspace / "copy"
        git.materialise(request.source, copy, log=place.log)
        assert python is not None
        made, timeout, cache = request.source.committed_at, request.config.timeout, place.home.cache
        out = place.workspace / "out"
        wheel = build_wheel(copy, out, made=made, python=python.path, cache=cache, timeout=timeout, log=place.log)
        version, wheels = wheel_version(wheel), [wheel]
        shutil.rmtree(copy)
    if not wheels and not files:
        raise BuildFailedError("there is nothing to release: no package and no file", where="build.include")
    minor = ".".join(python.version.split(".")[:2]) if python else None
    locked = (
        lock(
            tree,
            package=found.package,
            extras=request.config.extras,
            python=minor,
            cache=place.home.cache,
            log=place.log,
        )
        if minor
        else Lock("", "none")
    )
    members = [Member(f"{WHEELS}/{wheel.name}", path=wheel) for wheel in wheels] + files
    members += [Member(LOCK, locked.text.encode())] if locked.sha256 else []
    contents = [wheel.name for wheel in wheels]
    contents += [f"{len(files)} files"] if files else []
    contents += [f"{locked.text.count('==')} locked packages"] if locked.sha256 else []
    return Parts(tuple(members), tuple(contents), version, minor, locked)


def _languages(names: tuple[str, ...]) -> set[str]:
    return {name.lower() for name in names}


def _files(request: BuildRequest, tree: Path, *, everything: bool) -> list[Member]:
    """Return the tracked files that the bundle holds: all of a project that is no package, else what is included."""
    include, exclude = request.config.include, (*NEVER, *request.config.exclude)
    members = []
    for mode, name in git.tracked_files(tree):
        wanted = any(matches(name, glob) for glob in include) if include else everything
        if wanted and not any(matches(name, glob) for glob in exclude):
            members.append(Member(f"{APP}/{name}", path=tree / name, executable=mode == "100755"))
    return members
