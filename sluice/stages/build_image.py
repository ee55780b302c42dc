"""The build stage where the release is an image: built by the engine, pushed, and read back from its registry."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sluice.disk import needs_room
from sluice.records.build import BuildRecord, BuildRequest, PlatformCheck, Release
from sluice.records.common import ArtifactRef, StageContext, ToolUse
from sluice.records.image import ImageBuild, Layer
from sluice.releases.tags import lasting
from sluice.stages.build_image_attest import attest
from sluice.stages.build_image_parts import Made, make
from sluice.stages.build_image_push import Arrived, push
from sluice.stages.build_platforms import own_platform
from sluice.stages.build_project import look_at
from sluice.stages.workplace import Workplace, now
from sluice.tools import git
from sluice.tools.docker import engine
from sluice.tools.docker.login import login_of
from sluice.tools.docker.registry import Registry

RULES = "1"  # raise it when a build of the same inputs would give another release
OCI, OWN = "org.opencontainers.image.", "io.sluiceway."
SHORT = 12  # digits of the commit in a version that nobody declared


def image_inputs(request: BuildRequest, context: StageContext) -> dict[str, str]:
    """Return what decides the image. Its labels and tags name the commit: another commit is another image."""
    config = request.config.model_dump(mode="json", exclude={"timeout"})
    return {
        "source": request.source.identity,
        "commit": request.source.commit,
        "tags": ", ".join((*request.tags, *request.version_tags)),
        "submodules": str(request.source.submodules),
        "lfs": str(request.source.lfs),
        "config": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "project": context.project,
        "engine": engine.version() or "does not answer",
        "rules": f"image {RULES}",
    }


def build_image(request: BuildRequest, place: Workplace) -> BuildRecord:
    """Build the image for each platform in a clean workspace, push it and read it back.

    Raises:
        BuildFailedError: the Dockerfile is refused, or a step failed; its last lines are in the error.
        RegistryRefusedError, RegistryError: it cannot be pushed.
        TransientError: the engine or a base image cannot be reached.
    """
    config = request.config.image
    assert config is not None
    started = now()
    login = login_of(config.login)
    with needs_room(place.workspace):
        git.materialise(request.source, place.workspace, log=place.log)
        before = git.workspace_tree(place.workspace)
        version = _version(request, place.workspace)
        with (
            tempfile.TemporaryDirectory(prefix="sluice-image-", dir=place.workspace.parent) as folder,
            engine.engine() as client,
            Registry(config.repository, login, config.push_timeout) as registry,
        ):
            platforms = request.config.platforms or (own_platform(),)
            labels = _labels(request, place.context, version)
            began = time.monotonic()
            made = make(client, request, platforms, labels, login, place, Path(folder))
            seconds = time.monotonic() - began
            arrived = push(registry, made, request.tags, request.version_tags, place.log)
            answering = str(client.version()["Version"])
            envelope = attest(registry, request, place, made, arrived, started, answering)
        after = git.workspace_tree(place.workspace)
    tool = ToolUse(name="docker build", version=answering, exit_code=0, seconds=seconds)
    return _record(
        request, place, started, version, made, arrived, tool, envelope, before if before == after else after
    )


def _labels(request: BuildRequest, context: StageContext, version: str) -> dict[str, str]:
    return {
        f"{OCI}revision": request.source.commit,
        f"{OCI}source": request.origin,
        f"{OCI}created": datetime.now(UTC).replace(microsecond=0).isoformat(),
        f"{OCI}version": version,
        f"{OCI}title": context.project,
        f"{OWN}run": context.run_id,
    }


def _version(request: BuildRequest, tree: Path) -> str:
    if request.version_tags:
        return request.version_tags[0].removeprefix("v")
    tracked = [path for _mode, path in git.tracked_files(tree)]
    return look_at(tree, tracked).declared_version() or f"0+{request.source.commit[:SHORT]}"


def _record(
    request: BuildRequest,
    place: Workplace,
    started: datetime,
    version: str,
    made: Made,
    arrived: Arrived,
    tool: ToolUse,
    envelope: ArtifactRef,
    built_tree: str,
) -> BuildRecord:
    image = _image(made, arrived, tool.version)
    release = _release(request, place, version, made, arrived)
    return BuildRecord(
        run_id=place.context.run_id,
        started_at=started,
        ended_at=now(),
        passed=True,
        tools=(tool,),
        artifacts=(release.artifact, envelope),
        inputs=image_inputs(request, place.context),
        release=release,
        read_back_digest=arrived.digest,
        revision=arrived.labels.get(f"{OCI}revision", ""),
        built_tree=built_tree,
        tested_tree=request.tested_tree,
        created_at=arrived.created,
        size=image.size,
        file_count=made.files,
        contents=(f"image of {len(image.layers)} layers", f"{made.files} files in the context"),
        platforms=tuple(PlatformCheck(platform=each.platform, python="") for each in image.platforms),
        base=made.base.reference,
        base_named_by="the Dockerfile" if made.base.pinned else "",
        inspected_files=made.inspected,
        secrets=made.secrets,
        image=image,
    )


def _release(request: BuildRequest, place: Workplace, version: str, made: Made, arrived: Arrived) -> Release:
    config = request.config.image
    assert config is not None
    return Release(
        digest=made.digest,
        kind="image",
        project=place.context.project,
        version=version,
        commit=request.source.commit,
        artifact=place.artifacts.put_bytes(made.content, "image-manifest.json", made.media_type),
        repository=config.repository,
        tags=lasting(arrived.tags),
        has_command=made.has_command,
    )


def _image(made: Made, arrived: Arrived, engine_version: str) -> ImageBuild:
    below = {(each.platform, diff) for each in made.images for diff in made.base_layers(each.platform)}
    layers = tuple(
        Layer(digest=b.digest, size=b.size, platform=each.platform, from_base=(each.platform, b.diff_id) in below)
        for each in made.images
        for b in each.packed.blobs
    )
    return ImageBuild(
        repository=arrived.repository,
        tags=arrived.tags,
        taken_tags=arrived.taken,
        digest=arrived.digest,
        media_type=made.media_type,
        pushed_digest=arrived.pushed_digest,
        size=arrived.size,
        created=arrived.created,
        labels=arrived.labels,
        base_name=made.base.name,
        base_digest=made.base.digest,
        base_pinned=made.base.pinned,
        layers=layers,
        platforms=arrived.platforms,
        steps=tuple(step for each in made.images for step in each.steps),
        builder=made.images[0].builder,
        engine=engine_version,
    )
