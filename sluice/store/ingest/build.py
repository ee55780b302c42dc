"""Rows of the build stage: the release, and the image that it is."""

from __future__ import annotations

from sluice.records.build import BuildRecord
from sluice.records.image import ImageBuild
from sluice.store.ingest.place import Place
from sluice.store.releases import register_release
from sluice.store.tables.images import Image, ImageLayer


def write(place: Place, record: BuildRecord) -> None:
    """Make the release known, once a project: the same input gives the same digest again."""
    register_release(place.connection, place.project_id, record.release, place.stage_run_id, record.size)
    if record.image is not None:
        _write_image(place, record.image)


def _write_image(place: Place, image: ImageBuild) -> None:
    mine = {"stage_run_id": place.stage_run_id}
    same = (
        "tags",
        "digest",
        "media_type",
        "size",
        "created",
        "labels",
        "base_name",
        "base_digest",
        "builder",
        "engine",
    )
    place.copy_dicts(
        Image,
        [
            mine
            | {"project_id": place.project_id, "image_name": image.repository}
            | {name: getattr(image, name) for name in same}
            | {"tags": list(image.tags), "platforms": [each.platform for each in image.platforms]}
            | {"steps": len(image.steps), "cached_steps": sum(step.cached for step in image.steps)}
        ],
    )
    place.copy_dicts(
        ImageLayer,
        [mine | {"ordinal": ordinal} | layer.model_dump() for ordinal, layer in enumerate(image.layers, start=1)],
    )
