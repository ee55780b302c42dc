"""An image into its registry and back out: a tag moves when all that it names is there, a version tag never."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sluice.command import LineSink
from sluice.records.image import PlatformImage
from sluice.stages.build_image_parts import Made
from sluice.tools.docker.registry import INDEXES, MANIFEST, Manifest, Registry, digest_of
from sluice.tools.docker.registry_session import RegistryError


@dataclass(frozen=True)
class Arrived:
    """What the registry has now, read back from it.

    Attributes:
        tags: tags that name it.
        taken: version tags that name another digest: they keep it.
        pushed_digest: what the registry said that it received.
        digest: of the bytes that the first tag gives.
    """

    repository: str
    tags: tuple[str, ...]
    taken: dict[str, str]
    pushed_digest: str
    digest: str
    size: int
    created: datetime
    labels: dict[str, str]
    platforms: tuple[PlatformImage, ...]


def push(registry: Registry, made: Made, tags: Sequence[str], version_tags: Sequence[str], log: LineSink) -> Arrived:
    """Push layers, configurations, manifests, then the tags; read all of it back.

    Raises:
        RegistryRefusedError, RegistryError: the registry does not take it, or does not give it back.
    """
    for image in made.images:
        for blob in image.packed.blobs:
            registry.put_blob(blob.digest, blob.path)
        registry.put_blob(digest_of(image.packed.config), image.packed.config)
        if len(made.images) > 1:
            registry.put_manifest(digest_of(image.packed.manifest), image.packed.manifest, MANIFEST)
    taken: dict[str, str] = {}
    named: list[str] = []
    pushed = ""
    for tag in (*version_tags, *tags):
        before = registry.manifest(tag) if tag in version_tags else None
        if before is not None and before.digest != made.digest:
            taken[tag] = before.digest
            log(f"tag {tag} names {before.digest} already and keeps it")
            continue
        pushed = registry.put_manifest(tag, made.content, made.media_type)
        named.append(tag)
        log(f"pushed {registry.repository}:{tag} {pushed}")
    return _read_back(registry, tuple(named), taken, pushed)


def _read_back(registry: Registry, tags: tuple[str, ...], taken: dict[str, str], pushed: str) -> Arrived:
    found = registry.manifest(tags[-1])
    if found is None:
        raise RegistryError(
            "the registry does not have what was just pushed", where=f"{registry.repository}:{tags[-1]}"
        )
    size, settings, platforms = 0, list[dict[str, Any]](), list[PlatformImage]()
    for manifest in _images(registry, found):
        parts = json.loads(manifest.content)
        config = registry.blob(parts["config"]["digest"])
        size += len(config) + sum(int(layer["size"]) for layer in parts["layers"])
        settings.append(json.loads(config))
        where = f"{settings[-1].get('os', '')}/{settings[-1].get('architecture', '')}"
        platforms.append(PlatformImage(platform=where, digest=manifest.digest, image_id=digest_of(config)))
    return Arrived(
        repository=registry.repository,
        tags=tags,
        taken=taken,
        pushed_digest=pushed,
        digest=found.digest,
        size=size,
        created=_moment(str(settings[0].get("created", ""))),
        labels={str(k): str(v) for k, v in ((settings[0].get("config") or {}).get("Labels") or {}).items()},
        platforms=tuple(platforms),
    )


def _images(registry: Registry, found: Manifest) -> list[Manifest]:
    parts = json.loads(found.content)
    if parts.get("mediaType") not in INDEXES:
        return [found]
    return [registry.need_manifest(each["digest"]) for each in parts["manifests"]]


def _moment(text: str) -> datetime:
    """Return the time that an image names; one that names none is of the year 1970, and the boundary says so."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
