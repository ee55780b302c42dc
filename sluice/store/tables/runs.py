"""Projects, runs, their stages, and the outside programs that the stages ran."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from sluice.states import RunState, StageName, StageState
from sluice.store.tables.base import (
    Base,
    Json,
    UuidText,
    column,
    commit,
    count,
    in_order,
    key,
    one_of,
    sane,
    sha256,
    written_at,
)

OPEN_RUN = ", ".join(f"'{state}'" for state in RunState if not state.terminal)
OPEN_STAGE = f"'{StageState.PENDING}', '{StageState.RUNNING}'"


class Project(Base):
    """A repository that Sluice takes through the pipeline."""

    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("name"),
        {"comment": "Projects: repositories that Sluice takes through the pipeline."},
    )

    id: Mapped[int] = key("Number of the project.")
    name: Mapped[str] = column("Name as in sluice.yaml, else the repository's.")
    repository: Mapped[str] = column("Path or URL that the newest run named; without credentials.")
    created_at: Mapped[datetime] = written_at("When the first run came.")


class PipelineRun(Base):
    """One commit's way through the pipeline, or one rollback that somebody ordered."""

    __tablename__ = "pipeline_runs"
    __table_args__ = (
        one_of("kind", ("pipeline", "rollback")),
        one_of("state", RunState),
        one_of("ref_kind", ("branch", "tag", "commit")),
        one_of("trigger", ("cli", "ui", "schedule", "webhook", "api")),
        commit("commit_sha"),
        CheckConstraint("exit_code BETWEEN 0 AND 255", name="exit_code"),
        CheckConstraint("resumes <> id", name="not_itself"),
        CheckConstraint(f"(ended_at IS NULL) = (state IN ({OPEN_RUN}))", name="terminal_has_end"),
        CheckConstraint(f"(exit_code IS NULL) = (state IN ({OPEN_RUN}))", name="terminal_has_exit_code"),
        CheckConstraint("(exit_code = 0) = (state = 'passed')", name="only_passed_exits_0"),
        in_order("created_at", "started_at"),
        in_order("created_at", "ended_at"),
        *count("fence"),
        UniqueConstraint("number"),
        Index("ix_pipeline_runs_open", "lease_until", postgresql_where=text(f"state IN ({OPEN_RUN})")),
        Index("ix_pipeline_runs_project_id_number", "project_id", "number"),
        {"comment": "Runs: a commit's way through the pipeline, or an ordered rollback."},
    )

    id: Mapped[UuidText] = column("Id of the run, made by who asked for it.", primary_key=True)
    number: Mapped[int] = column("Order in which runs were opened, whatever the clock said.", Identity(always=True))
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    kind: Mapped[str] = column("pipeline or rollback.", server_default="pipeline")
    repository: Mapped[str] = column("Path or URL that was asked for; without credentials.")
    requested_ref: Mapped[str] = column("Ref as it was asked for.")
    ref_kind: Mapped[str | None] = column("What the ref was: branch, tag or commit.")
    ref_name: Mapped[str | None] = column("Name of the branch or tag, or the commit.")
    commit_sha: Mapped[str | None] = column("Commit that the ref was resolved to.")
    trigger: Mapped[str] = column("Through what it was asked for.")
    requested_by: Mapped[str] = column("Who asked.", server_default="")
    request: Mapped[Json] = column("The whole request.", server_default=text("'{}'"))
    config: Mapped[Json | None] = column("The configuration in effect, as read from the commit.")
    plan: Mapped[Json | None] = column("The stages that this ref goes through, and why.")
    prefect_flow_run_id: Mapped[UuidText | None] = column("The flow run in Prefect.")
    state: Mapped[str] = column("queued, running, or one of the final states.", server_default=RunState.QUEUED)
    reason: Mapped[str] = column("Code and message of what ended it; empty when it passed.", server_default="")
    exit_code: Mapped[int | None] = column("Exit code of the command line; 0 only when it passed.")
    owner: Mapped[str] = column("Host and process that works on it.", server_default="")
    fence: Mapped[int] = column("Grows with each owner: writes of an earlier owner are refused.", server_default="0")
    lease_until: Mapped[datetime | None] = column("The owner is dead when this passes without a renewal.")
    cancel_requested_at: Mapped[datetime | None] = column("When somebody asked to stop it.")
    cancel_requested_by: Mapped[str] = column("Who asked to stop it.", server_default="")
    created_at: Mapped[datetime] = written_at("When it was opened.")
    started_at: Mapped[datetime | None] = column("When its first owner began.")
    ended_at: Mapped[datetime | None] = column("When it reached its final state.")
    resumes: Mapped[UuidText | None] = column(
        "The run whose pinned inputs it takes up.", ForeignKey("pipeline_runs.id", ondelete="SET NULL")
    )


class StageRun(Base):
    """One stage of one run, with the whole record that it handed to its boundary."""

    __tablename__ = "stage_runs"
    __table_args__ = (
        UniqueConstraint("run_id", "stage"),
        UniqueConstraint("number"),
        one_of("stage", StageName),
        one_of("state", StageState),
        sha256("key"),
        CheckConstraint("(state = 'reused') = (reused_from IS NOT NULL)", name="reused_has_source"),
        CheckConstraint("reused_from <> id", name="not_from_itself"),
        CheckConstraint(f"(ended_at IS NULL) = (state IN ({OPEN_STAGE}))", name="terminal_has_end"),
        CheckConstraint("state NOT IN ('passed', 'reused') OR record IS NOT NULL", name="passed_has_record"),
        in_order("started_at", "ended_at"),
        *sane("tool_seconds", "boundary_seconds", "rows_seconds"),
        *count("attempts"),
        Index("ix_stage_runs_reused_from", "reused_from"),
        Index("ix_stage_runs_scanned", text("(record ->> 'subject_digest')"), postgresql_where=text("stage = 'scan'")),
        {"comment": "Stages of runs, each with the record that its boundary judged."},
    )

    id: Mapped[UuidText] = column("Id of the stage run.", primary_key=True)
    number: Mapped[int] = column("Order in which stages began, whatever the clock said.", Identity(always=True))
    run_id: Mapped[UuidText] = column("Run.", ForeignKey("pipeline_runs.id", ondelete="CASCADE"))
    stage: Mapped[str] = column("checkout, test, build, scan, deploy, smoke or rollback.")
    ordinal: Mapped[int] = column("Place in the order of the stages, from 1.")
    state: Mapped[str] = column("pending, running, or one of the final states.", server_default=StageState.PENDING)
    reason: Mapped[str] = column("Why it is not green, or why it was skipped.", server_default="")
    headline: Mapped[str] = column("Its key figures in one line.", server_default="")
    attempts: Mapped[int] = column("How often it was begun.", server_default="0")
    key: Mapped[str | None] = column("SHA-256 of the declared inputs; empty for what is never reused.")
    key_parts: Mapped[Json | None] = column("The inputs behind the key, name to value.")
    not_reused: Mapped[str] = column("Why an earlier result with this key was not good enough.", server_default="")
    reused_from: Mapped[UuidText | None] = column(
        "The stage run that produced the result which stands here.", ForeignKey("stage_runs.id")
    )
    record: Mapped[Json | None] = column("The record as the boundary judged it: the evidence behind the rows.")
    tool_seconds: Mapped[float | None] = column("Wall seconds inside outside programs.")
    boundary_seconds: Mapped[float | None] = column("Seconds of the boundary's checks.")
    rows_seconds: Mapped[float | None] = column("Seconds of writing its rows, without the commit.")
    created_at: Mapped[datetime] = written_at("When the row was made.")
    started_at: Mapped[datetime | None] = column("When it first began.")
    ended_at: Mapped[datetime | None] = column("When it reached its final state.")


class StageKey(Base):
    """A key under which a stage run can be reused; a test stage has one a cell of the matrix."""

    __tablename__ = "stage_keys"
    __table_args__ = (
        sha256("key"),
        Index("ix_stage_keys_key", "key"),
        {"comment": "Keys under which a stage's result is found again: one a stage, one a cell of a test matrix."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = column("SHA-256 of the declared inputs.", primary_key=True)
    parts: Mapped[Json] = column("The inputs behind the key, name to value.")
    produced_by: Mapped[UuidText] = column("Run that really did the work; another run when it was reused.")


class ToolUse(Base):
    """One run of an outside program inside a stage."""

    __tablename__ = "tool_uses"
    __table_args__ = (*sane("seconds"), {"comment": "Runs of outside programs inside stages."})

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = column("Order in the stage, from 1.", primary_key=True)
    name: Mapped[str] = column("Program.")
    version: Mapped[str] = column("Version as the program said; empty when not asked.", server_default="")
    exit_code: Mapped[int | None] = column("Exit code; 128 + n when signal n ended it.")
    seconds: Mapped[float] = column("Wall seconds.")


class StageArtifact(Base):
    """A file that a stage produced, under the name that it has there."""

    __tablename__ = "stage_artifacts"
    __table_args__ = (
        Index("ix_stage_artifacts_sha256", "sha256"),
        {"comment": "Which stage produced which file, under which name."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = column("Name of the file in the stage.", primary_key=True)
    sha256: Mapped[str] = column("File.", ForeignKey("artifacts.sha256"), primary_key=True)
