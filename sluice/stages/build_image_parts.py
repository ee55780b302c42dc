"""The images of a build, one a platform: built by the engine, taken out of it, looked into, packed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient

from sluice import masks, secrets
from sluice.config.image import ImageConfig
from sluice.records.build import BuildRequest
from sluice.records.image import BuildStep
from sluice.releases.inspect import problem_of
from sluice.stages.workplace import Workplace
from sluice.tools.docker.archive import Packed, Saved, saved
from sluice.tools.docker.bases import Base, bring
from sluice.tools.docker.builder import Order, build, has_buildkit
from sluice.tools.docker.context import Context, write_context
from sluice.tools.docker.dockerfile import Dockerfile, DockerfileError, base_of, outside_images, parse
from sluice.tools.docker.dockerfile_rules import SecretInBuildError, look_through, no_buildkit
from sluice.tools.docker.registry import INDEX, MANIFEST, digest_of
from sluice.tools.docker.registry_session import Login

SIZE_LIMIT = 1 << 20  # bytes of a Dockerfile
SECRETS = "build.image.secrets"


@dataclass(frozen=True)
class PlatformMade:
    """The image of one platform, packed."""

    platform: str
    packed: Packed
    steps: tuple[BuildStep, ...]
    builder: str
    base: Base


@dataclass(frozen=True)
class Made:
    """What a build made, before anything is pushed.

    Attributes:
        images: one a platform, in the order of the declaration.
        files: how many files the context holds.
        inspected: files that were looked at, in context and layers.
        secrets: `place: what it is` of what must not be there.
    """

    images: tuple[PlatformMade, ...]
    files: int
    inspected: int
    secrets: tuple[str, ...]

    @property
    def base(self) -> Base:
        """The base of the first platform."""
        return self.images[0].base

    def base_layers(self, platform: str) -> tuple[str, ...]:
        """Return the layers that the base brings to a platform's image."""
        return next(each.base.diff_ids for each in self.images if each.platform == platform)

    @property
    def has_command(self) -> bool:
        """Tell whether the image says itself what it runs."""
        settings = self.images[0].packed.settings.get("config") or {}
        return bool(settings.get("Cmd") or settings.get("Entrypoint"))

    @property
    def media_type(self) -> str:
        """An image, or an index of several."""
        return MANIFEST if len(self.images) == 1 else INDEX

    @property
    def content(self) -> bytes:
        """The manifest of the only platform, else the index of all."""
        if len(self.images) == 1:
            return self.images[0].packed.manifest
        return json.dumps(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": [_entry(each) for each in self.images]},
            separators=(",", ":"),
        ).encode()

    @property
    def digest(self) -> str:
        """Digest of the release."""
        return digest_of(self.content)


def make(
    client: DockerClient,
    request: BuildRequest,
    platforms: Sequence[str],
    labels: Mapping[str, str],
    login: Login | None,
    place: Workplace,
    scratch: Path,
) -> Made:
    """Build for each platform, and pack what the engine made.

    Raises:
        BuildFailedError: the Dockerfile is refused, a step failed, or a layer keeps a secret of the build.
        SecretError: a declared secret is nowhere, or too weak to be hidden in logs.
        TransientError: the engine or a base image cannot be reached.
    """
    config = request.config.image
    assert config is not None
    tree = place.workspace
    file = parse(read_dockerfile(tree, config.dockerfile), config.dockerfile)
    look_through(file, config, platforms[0])  # what is refused is refused before the engine is asked for anything
    context = write_context(
        tree, config.context, config.dockerfile, scratch / "context.tar", request.source.committed_at
    )
    place.log(f"context: {context.files} files, {context.path.stat().st_size} bytes")
    images, inspected, found = [], context.files, [*context.secrets]
    for platform in platforms:
        one, looked, kept = _platform(client, request, file, context, platform, labels, login, place, scratch)
        images.append(one)
        inspected += looked
        found += kept
    return Made(tuple(images), context.files, inspected, tuple(dict.fromkeys(found)))


def read_dockerfile(tree: Path, name: str) -> str:
    """Return the text of the Dockerfile.

    Raises:
        DockerfileError: it is not there, leads out of the project, is no text, or is larger than 1 MiB.
    """
    path = tree / name
    if not path.is_file() or not path.resolve().is_relative_to(tree.resolve()):
        raise DockerfileError("it is not in the project", where=name, next_step="Add it, or name it: image.dockerfile.")
    if path.stat().st_size > SIZE_LIMIT:
        raise DockerfileError("it is too large", where=name, allowed="at most 1 MiB")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DockerfileError("it is no UTF-8 text", where=name, found=error.reason) from error


def _platform(
    client: DockerClient,
    request: BuildRequest,
    file: Dockerfile,
    context: Context,
    platform: str,
    labels: Mapping[str, str],
    login: Login | None,
    place: Workplace,
    scratch: Path,
) -> tuple[PlatformMade, int, tuple[str, ...]]:
    config = request.config.image
    assert config is not None
    stages, last = look_through(file, config, platform)
    values = secrets.resolve(config.secrets, SECRETS)
    secrets.refuse_weak(values, SECRETS)
    buildkit = _buildkit(client, config)
    host = config.repository.partition("/")[0]
    bases = bring(client, outside_images(stages), platform, host, login, place.log)
    base = bases.get(base_of(last, stages), Base(""))
    order = Order(
        context=context,
        platform=platform,
        tag=f"{config.repository}:{request.tags[0]}",
        target=config.target,
        args=config.args,
        labels=labels,
        fresh=place.context.fresh,
        silence=request.config.timeout,
        secrets=values,
    )
    built = build(client, order, place.log, buildkit=buildkit)
    with saved(client, built.image_id, scratch) as archive:
        below = common(base.diff_ids, archive.diff_ids)
        _refuse_kept(archive, values, below)
        looked, found = archive.secrets(below)
        packed = archive.pack(scratch)
    found += described_secrets(packed.settings)
    return PlatformMade(platform, packed, built.steps, built.builder, base), looked, found


def _refuse_kept(archive: Saved, values: Mapping[str, str], below: int) -> None:
    """Refuse an image that kept a secret of its build, before anything of it leaves this machine."""
    for name, value in values.items():
        if place := archive.holds(value, below):
            raise SecretInBuildError(f"the image keeps secret {name}", where=place)


def _buildkit(client: DockerClient, config: ImageConfig) -> bool:
    if config.builder == "classic":
        return False
    offered = has_buildkit(client)
    if config.secrets and not offered:
        raise no_buildkit("the engine")
    if config.builder == "buildkit" and not offered:
        raise DockerfileError("the engine has no BuildKit", code="BUILDKIT_MISSING", next_step="Use a newer engine.")
    return offered


def common(base: Sequence[str], layers: Sequence[str]) -> int:
    """Return how many layers an image has from its base: all of the base's, or none."""
    return len(base) if base and tuple(layers[: len(base)]) == tuple(base) else 0


def described_secrets(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what an image's history and configuration tell that they must not; values are not shown."""
    config = settings.get("config") or {}
    texts = [("history", str(each.get("created_by", ""))) for each in settings.get("history") or []]
    texts += [("environment", str(each)) for each in config.get("Env") or []]
    texts += [("label", f"{name}={value}") for name, value in (config.get("Labels") or {}).items()]
    found = []
    for where, text in texts:
        problem = "a secret of this run" if masks.hide(text) != text else problem_of("", text.encode())
        if problem:
            found.append(f"{where}: {problem}")
    return tuple(found)


def _entry(made: PlatformMade) -> dict[str, Any]:
    system, _, machine = made.platform.partition("/")
    content = made.packed.manifest
    where = {"os": system, "architecture": machine}
    return {"mediaType": MANIFEST, "digest": digest_of(content), "size": len(content), "platform": where}
