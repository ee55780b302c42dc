"""The build stage: a release bundle of the tested source, named by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from datetime import datetime
from pathlib import Path

from sluice.artifacts import sha256_file
from sluice.disk import needs_room
from sluice.records.build import BuildRecord, BuildRequest, Release
from sluice.records.common import StageContext
from sluice.releases import read_manifest
from sluice.releases.inspect import Inspection, inspect
from sluice.settings import Home
from sluice.stages.build_bundle import Bundle, make_bundle
from sluice.stages.build_project import version_from_git
from sluice.stages.testing.interpreter import Interpreter
from sluice.stages.workplace import Workplace, now
from sluice.tools import git
from sluice.tools.git_history import names_at, read_file, tags_at
from sluice.tools.meter import Meter, metered
from sluice.tools.uv import version

RULES = "1"  # raise it when a build of the same inputs would give another release
MEDIA_TYPE = "application/gzip"
_PACKAGING = ("pyproject.toml", "setup.py", "setup.cfg")


def inputs(request: BuildRequest, context: StageContext) -> dict[str, str]:
    """Return what decides the release, name to value.

    The commit is one only where the project takes its version from git: else a commit that changes no file that
    counts gives the release that is there already.
    """
    if request.config.makes_image:
        from sluice.stages.build_image import image_inputs  # the engine's SDK takes long to import

        return image_inputs(request, context)
    mirror, commit = Path(request.source.mirror), request.source.commit
    config = request.config.model_dump(mode="json", exclude={"timeout"})
    texts = [read_file(mirror, commit, name) for name in names_at(mirror, commit, _PACKAGING)]
    described = f"{commit} {' '.join(tags_at(mirror, commit))}" if version_from_git(texts) else ""
    return {
        "source": request.source.identity,
        "version from git": described.strip(),
        "submodules": str(request.source.submodules),
        "lfs": str(request.source.lfs),
        "config": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "command": json.dumps(request.command),
        "project": context.project,
        "python": request.config.python or "the project's choice",
        "uv": version(Home(Path(context.home)).cache),
        "machine": f"{platform.system()}-{platform.machine()}",
        "rules": RULES,
    }


def build(request: BuildRequest, place: Workplace) -> BuildRecord:
    """Build the release in a clean workspace: a bundle, or an image where the project declares one.

    Raises:
        BuildFailedError: the project does not build; the last lines of its backend are in the error.
        LockError: its dependencies cannot be pinned.
        TransientError: the package index does not answer.
    """
    if request.config.makes_image:
        from sluice.stages.build_image import build_image  # as above

        return build_image(request, place)
    started = now()
    with needs_room(place.workspace), metered() as meter:
        git.materialise(request.source, place.workspace, log=place.log)
        before = git.workspace_tree(place.workspace)
        with tempfile.TemporaryDirectory(prefix="sluice-build-", dir=place.workspace.parent) as scratch:
            bundle = make_bundle(request, place, Path(scratch))
            artifact = place.artifacts.put_file(bundle.path, bundle.path.name, MEDIA_TYPE)
            digest = f"sha256:{sha256_file(bundle.path)}"
        after = git.workspace_tree(place.workspace)
    stored = place.artifacts.open_path(artifact)
    manifest = read_manifest(stored)
    release = Release(
        digest=digest,
        kind="bundle",
        project=manifest.project,
        version=manifest.version,
        commit=manifest.commit,
        artifact=artifact,
        python=manifest.python,
        has_command=bool(manifest.command),
    )
    built_tree = before if before == after else after
    read_back = f"sha256:{sha256_file(stored)}"
    return _record(request, place, release, bundle, built_tree, read_back, inspect(stored), meter, started)


def _record(
    request: BuildRequest,
    place: Workplace,
    release: Release,
    bundle: Bundle,
    built_tree: str,
    read_back: str,
    inspection: Inspection,
    meter: Meter,
    started: datetime,
) -> BuildRecord:
    cache = place.home.cache
    artifacts = (release.artifact, *((bundle.lock,) if bundle.lock is not None else ()))
    return BuildRecord(
        run_id=place.context.run_id,
        started_at=started,
        ended_at=now(),
        passed=True,
        tools=meter.uses(git=git.version(cache), uv=version(cache)),
        artifacts=artifacts,
        inputs=inputs(request, place.context),
        release=release,
        read_back_digest=read_back,
        revision=release.commit,
        built_tree=built_tree,
        tested_tree=request.tested_tree,
        created_at=bundle.created_at,
        size=release.artifact.size,
        file_count=bundle.file_count,
        contents=bundle.contents,
        lock_sha256=bundle.lock.sha256 if bundle.lock is not None else None,
        lock_packages=bundle.lock_packages,
        platforms=bundle.platforms,
        base=_base(bundle.python),
        base_named_by=bundle.named_by,
        inspected_files=inspection.files,
        secrets=inspection.secrets,
    )


def _base(python: Interpreter | None) -> str:
    return f"{python.implementation} {python.version} {python.platform}" if python else ""
