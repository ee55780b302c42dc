"""What every record has: frozen, picklable, strings and numbers only."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from sluice.states import StageName


class Frozen(BaseModel):
    """Base of records and of their parts: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ArtifactRef(Frozen):
    """A file in the artifact store, named by what it holds."""

    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0, description="bytes")
    media_type: str = "application/octet-stream"


class ToolUse(Frozen):
    """One run of an outside program inside a stage."""

    name: str
    version: str = ""
    exit_code: int | None = None
    seconds: float = Field(ge=0)


class StageContext(Frozen):
    """Where a stage works: handed to every stage function, safe to pickle.

    `home` is the state directory's absolute path; `stage` names the log file.
    """

    run_id: str
    project: str
    stage: StageName
    home: str
    fresh: bool = Field(default=False, description="reuse no earlier result")


class SourceRef(Frozen):
    """The accepted source: every later stage materialises its own clean workspace from it."""

    mirror: str = Field(description="absolute path of the bare mirror")
    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    tree: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    committed_at: AwareDatetime
    submodules: bool = False
    lfs: bool = False
    content: str = Field(default="", description="digest of the files that count; see `unaffected_by` in sluice.yaml")

    @property
    def identity(self) -> str:
        """Return what a result depends on: the digest of the files that count, else the tree. Part of cache keys."""
        return self.content or self.tree


class StageRecord(Frozen):
    """What a stage hands to its boundary.

    `passed` is the stage's own honest verdict (red tests: False, with `reason`); whether the record may be believed
    is the boundary's to say.
    """

    STAGE: ClassVar[StageName]

    run_id: str = Field(description="the run that produced it; another run that reuses it keeps this id")
    started_at: AwareDatetime
    ended_at: AwareDatetime
    passed: bool
    reason: str = ""
    skipped: bool = False
    tools: tuple[ToolUse, ...] = ()
    artifacts: tuple[ArtifactRef, ...] = ()
    inputs: dict[str, str] = Field(default_factory=dict, description="parts of the cache key, name to value")

    @property
    def tool_seconds(self) -> float:
        """Wall seconds spent inside outside programs."""
        return sum(tool.seconds for tool in self.tools)

    def headline(self) -> str:
        """Return the stage's key figures in one short line, for the terminal."""
        return self.reason
