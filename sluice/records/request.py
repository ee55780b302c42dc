"""What a person or a trigger asks for: the parameters of the Prefect deployments."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sluice.states import StageName


def _in_order(schema: dict[str, Any]) -> None:
    """Number the properties: Postgres keeps the keys of a JSON object in an order of its own."""
    for position, part in enumerate(schema["properties"].values()):
        part["position"] = position


class Trigger(StrEnum):
    """Through what a run was asked for."""

    CLI = "cli"
    UI = "ui"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    API = "api"


class PipelineRequest(BaseModel):
    """Take one commit of a repository through the pipeline."""

    # The Prefect UI makes its form from these fields, in the order of their positions.
    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_order)

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
    previous_commit: str | None = Field(
        default=None,
        title="Previous commit",
        description="Where the branch stood before the push; warn (C08) when the new commit does not contain it.",
        pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$",
    )
    pull_request: bool = Field(
        default=False,
        title="Pull request",
        description="Test, build and scan only; never deploy, whatever the branch is called.",
    )
    allow_downgrade: bool = Field(
        default=False,
        title="Allow downgrade",
        description="Deploy the commit even when it is older than the one that runs (D05).",
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
    run_id: str | None = Field(
        default=None,
        title="Run id",
        description="Leave empty: the id of the flow run. Set by the command line so that it can follow the run.",
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    )

    resumes: str | None = Field(
        default=None,
        title="Resumes",
        description="Id of the run whose recorded inputs and accepted stages are taken up. Set by `sluice resume`.",
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    )
    from_stage: StageName | None = Field(
        default=None, title="From stage", description="Of a resumed run: run this stage and all after it again."
    )

    failed_tests: bool = Field(
        default=False, title="Failed tests", description="Of a resumed run: run only the tests that were red."
    )

    @property
    def project(self) -> str:
        """The project's name as long as no `sluice.yaml` gives another: the repository's."""
        return project_name(self.repository)

    def row(self) -> dict[str, Any]:
        """Return the columns of the run's row that the request decides."""
        return {
            "project": self.project,
            "repository": without_credentials(self.repository),
            "requested_ref": self.ref,
            "trigger": self.trigger.value,
            "requested_by": self.requested_by,
            "request": self.model_dump(mode="json", exclude={"repository"}),
            "resumes": self.resumes,
        }


class RollbackOrder(BaseModel):
    """Put an environment back to a release that was good there."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_order)

    project: str = Field(title="Project", description="Name of the project.", min_length=1)
    environment: str = Field(title="Environment", description="Where to roll back, e.g. staging.", min_length=1)
    to_digest: str | None = Field(
        default=None,
        title="To release",
        description="Digest (or its beginning) of the release to go to; the last good one when empty.",
        pattern=r"^(sha256:)?[0-9a-f]{6,64}$",
    )
    restore_backup: bool = Field(
        default=False,
        title="Restore the backup",
        description="Put back the backup before the migrations that the release does not know; "
        "what was written since is lost.",
    )
    reason: str = Field(default="asked for by hand", title="Reason", description="Why; recorded with the rollback.")
    trigger: Trigger = Field(default=Trigger.UI, title="Trigger", description="Through what it was asked for.")
    requested_by: str = Field(default="", title="Requested by", description="Who asks.")
    run_id: str | None = Field(
        default=None,
        title="Run id",
        description="Leave empty: the id of the flow run. Set by the command line so that it can follow the run.",
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    )

    def row(self) -> dict[str, Any]:
        """Return the columns of the run's row that the order decides."""
        return {
            "project": self.project,
            "repository": "",
            "requested_ref": self.environment,
            "kind": "rollback",
            "trigger": self.trigger.value,
            "requested_by": self.requested_by,
            "request": self.model_dump(mode="json"),
        }


def project_name(repository: str) -> str:
    """Return the name of a repository as a project name: its last path component, in lower case."""
    last = repository.rstrip("/").removesuffix(".git").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    name = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")
    return (name if name[:1].isalpha() else f"project-{name}".rstrip("-"))[:63]


def without_credentials(repository: str) -> str:
    """Return a URL without user and password; a path as it is."""
    return re.sub(r"^([a-z+]+://)[^/@]*@", r"\1", repository)
