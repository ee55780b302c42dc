"""What a person or a trigger asks for: the parameters of the Prefect deployments."""

from __future__ import annotations

from enum import StrEnum
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field


class Trigger(StrEnum):
    """Through what a run was asked for."""

    CLI = "cli"
    UI = "ui"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    API = "api"


class PipelineRequest(BaseModel):
    """Take one commit of a repository through the pipeline. The Prefect UI makes its form from these fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(
        title="Repository",
        description="A path on the machine of the worker, or an https or ssh URL.",
        examples=["/srv/code/greeter", "https://git.example/team/greeter.git"],
        min_length=1,
    )
    ref: str = Field(
        default="HEAD",
        title="Ref",
        description="Branch, tag or commit. HEAD is the branch that is checked out there.",
        min_length=1,
        max_length=255,
    )
    expected_commit: str | None = Field(
        default=None,
        title="Expected commit",
        description="Stop (C01) when the ref no longer points at this commit. Empty: whatever the ref points at now.",
        pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$",
    )
    pull_request: bool = Field(
        default=False,
        title="Pull request",
        description="Test, build and scan only; never deploy, whatever the branch is called.",
    )
    base_ref: str | None = Field(
        default=None,
        title="Base ref",
        description="What the change is compared with; the default branch when empty.",
        max_length=255,
    )
    fresh: bool = Field(
        default=False,
        title="Run everything again",
        description="Reuse no earlier result, even where nothing changed.",
    )
    trigger: Trigger = Field(default=Trigger.UI, title="Trigger", description="Through what the run was asked for.")
    requested_by: str = Field(default="", title="Requested by", description="Who asks; recorded with the run.")
    run_id: str = Field(
        default_factory=lambda: str(uuid4()),
        title="Run id",
        description="Sluice's id of the run; leave as it is. Made by the command line so that it can follow the run.",
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    )


class RollbackOrder(BaseModel):
    """Put an environment back to a release that was good there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(title="Project", description="Name of the project.", min_length=1)
    environment: str = Field(title="Environment", description="Where to roll back, e.g. staging.", min_length=1)
    to_digest: str | None = Field(
        default=None,
        title="To release",
        description="Digest (or its beginning) of the release to go to; the last good one when empty.",
        pattern=r"^(sha256:)?[0-9a-f]{6,64}$",
    )
    reason: str = Field(default="asked for by hand", title="Reason", description="Why; recorded with the rollback.")
    trigger: Trigger = Field(default=Trigger.UI, title="Trigger", description="Through what it was asked for.")
    requested_by: str = Field(default="", title="Requested by", description="Who asks.")
    run_id: str = Field(
        default_factory=lambda: str(uuid4()),
        title="Run id",
        description="Sluice's id of the run; leave as it is.",
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    )
