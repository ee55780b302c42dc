"""The image that a build made, as its registry has it."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from sluice.records.common import Frozen

DIGEST = r"^sha256:[0-9a-f]{64}$"


class Layer(Frozen):
    """One layer of one platform's image; `size` is what the registry holds, compressed."""

    digest: str = Field(pattern=DIGEST)
    size: int = Field(ge=0, description="bytes")
    platform: str = ""
    from_base: bool = Field(default=False, description="the base image brings it")


class BuildStep(Frozen):
    """One step of a build: whether the engine had it already, and how long it took."""

    name: str
    cached: bool
    seconds: float = Field(ge=0)


class PlatformImage(Frozen):
    """The image of one platform."""

    platform: str
    digest: str = Field(pattern=DIGEST, description="of its manifest")
    image_id: str = Field(pattern=DIGEST, description="of its configuration")


class ImageBuild(Frozen):
    """An image in its registry and how it came there. The figures are of what was read back."""

    repository: str = Field(description="registry and name, without a tag")
    tags: tuple[str, ...] = Field(description="tags that name it now")
    taken_tags: dict[str, str] = Field(
        default_factory=dict, description="version tags that name another digest, which they keep"
    )
    digest: str = Field(pattern=DIGEST, description="of the manifest, or of the index of several platforms")
    media_type: str
    pushed_digest: str = Field(description="what the registry said that it received")
    size: int = Field(ge=0, description="bytes of all layers and configurations, compressed")
    created: AwareDatetime
    labels: dict[str, str] = Field(default_factory=dict)
    base_name: str = Field(default="", description="image that the last stage begins with; empty: scratch")
    base_digest: str = Field(default="", description="its digest, or its id where no registry gave it one")
    base_pinned: bool = Field(default=False, description="the Dockerfile names the digest")
    layers: tuple[Layer, ...] = ()
    platforms: tuple[PlatformImage, ...] = ()
    steps: tuple[BuildStep, ...] = ()
    builder: str = Field(description="buildkit or classic")
    engine: str = Field(default="", description="version of the Docker engine")

    @property
    def cached(self) -> bool:
        """Tell whether the engine had every step already."""
        return bool(self.steps) and all(step.cached for step in self.steps)
