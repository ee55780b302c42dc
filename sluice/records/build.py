"""Records of the build stage."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime, Field

from sluice.config.model import BuildConfig
from sluice.records.common import ArtifactRef, Frozen, SourceRef, StageRecord
from sluice.records.image import ImageBuild
from sluice.states import StageName


class BuildRequest(Frozen):
    """What to build. `tested_tree` is the tree that the test stage proved."""

    source: SourceRef
    config: BuildConfig
    tested_tree: str
    command: tuple[str, ...] = Field(default=(), description="how the service is started; empty: it is none")
    tags: tuple[str, ...] = Field(default=(), description="of an image: tags that name it from now on")
    version_tags: tuple[str, ...] = Field(default=(), description="of an image: tags that never move")
    origin: str = Field(default="", description="where the source is from, without credentials")


class Release(Frozen):
    """An immutable build output with its commit; what deploy, scan and smoke name by digest.

    An image lies in a registry under `repository`, its `digest` is that of its manifest (or index), and `artifact` is
    the manifest's text in the artifact store. Tags move, so nothing is ever asked for by a tag; a deploy looks whether
    `tags` still name it.
    """

    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    kind: str  # bundle | image
    project: str
    version: str
    commit: str
    artifact: ArtifactRef
    python: str | None = None
    has_command: bool = False
    repository: str = Field(default="", description="registry and name of an image, without tag; a bundle has none")
    tags: tuple[str, ...] = Field(
        default=(), description="of an image: what its build named it that no other commit gets"
    )

    @property
    def reference(self) -> str:
        """How an engine names the image: `repository@sha256:…`."""
        return f"{self.repository}@{self.digest}"


class PlatformCheck(Frozen):
    """Whether the release can be installed on one platform; `problem` empty: it can."""

    platform: str
    python: str = Field(description="minor version that it runs on; empty: it needs none")
    problem: str = ""


class BuildRecord(StageRecord):
    """A release and how it came to be."""

    STAGE: ClassVar[StageName] = StageName.BUILD

    release: Release
    read_back_digest: str
    revision: str
    built_tree: str
    tested_tree: str
    created_at: AwareDatetime
    size: int = Field(ge=0, description="bytes")
    file_count: int = Field(ge=0)
    contents: tuple[str, ...] = Field(description="what is in it: wheel, sdist, tree, lock …")
    lock_sha256: str | None = None
    lock_packages: int = Field(default=0, ge=0, description="requirements in the lock")
    platforms: tuple[PlatformCheck, ...] = Field(default=(), description="where the written bundle can be installed")
    base: str = Field(default="", description="interpreter that it was locked for, with version; empty: none")
    base_named_by: str = Field(default="", description="what chose the interpreter; empty: nobody did")
    inspected_files: int = Field(default=0, ge=0, description="files of the bundle, those in wheels included")
    secrets: tuple[str, ...] = Field(default=(), description="`path: what it is` of files that must not be in it")
    image: ImageBuild | None = Field(
        default=None, description="of an image: tags, layers, steps, as its registry has it"
    )

    def headline(self) -> str:
        """Return digest, size and contents."""
        size = f"{self.size / 1024:.0f} KiB" if self.size < 1 << 20 else f"{self.size / (1 << 20):.1f} MiB"
        return f"{self.release.digest[:19]} · {size} · {', '.join(self.contents)}"
