"""Images that builds made, as their registries have them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, Json, Texts, UuidText, column, count, digest, one_of
from sluice.store.tables.releases import STAGE


class Image(Base):
    """One image, or index of several platforms."""

    __tablename__ = "images"
    __table_args__ = (
        digest("digest"),
        *count("size"),
        one_of("builder", ("buildkit", "classic")),
        Index("ix_images_digest", "digest"),
        {"comment": "Images that builds made, pushed and read back."},
    )

    stage_run_id: Mapped[UuidText] = column("Build.", ForeignKey(STAGE, ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    image_name: Mapped[str] = column("Registry and repository.")
    tags: Mapped[Texts] = column("Tags that named it when it was pushed.")
    digest: Mapped[str] = column("Digest of its manifest, or of the index of several platforms.")
    media_type: Mapped[str] = column("Media type of that.")
    size: Mapped[int] = column("Bytes of all layers and configurations, compressed.")
    created: Mapped[datetime] = column("When it was made, as it says itself.")
    labels: Mapped[Json] = column("Its labels.")
    base_name: Mapped[str] = column("Image that it begins with; empty: nothing.")
    base_digest: Mapped[str] = column("Digest of that, or its id where no registry gave it one.")
    platforms: Mapped[Texts] = column("Platforms, e.g. linux/amd64.")
    builder: Mapped[str] = column("buildkit or classic.")
    engine: Mapped[str] = column("Version of the Docker engine.")
    steps: Mapped[int] = column("Steps of the build.")
    cached_steps: Mapped[int] = column("Steps that the engine had already.")


class ImageLayer(Base):
    """One layer of an image."""

    __tablename__ = "image_layers"
    __table_args__ = (digest("digest"), *count("size"), {"comment": "Layers of images, lowest first."})

    stage_run_id: Mapped[UuidText] = column(
        "Build.", ForeignKey("images.stage_run_id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = column("Order, from 1, platform after platform.", primary_key=True)
    platform: Mapped[str] = column("Platform.")
    digest: Mapped[str] = column("Digest of the compressed layer.")
    size: Mapped[int] = column("Bytes, compressed.")
    from_base: Mapped[bool] = column("The base image brings it.")
