"""The journal of deploys and rollbacks, and what was observed after them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import (
    Base,
    Texts,
    UuidText,
    column,
    count,
    digest,
    in_order,
    key,
    one_of,
    sane,
    written_at,
)

STAGE = "stage_runs.id"
MOVE_STATES = ("started", "serving", "failed", "interrupted")
STEP_STATUSES = ("started", "done", "failed", "skipped", "interrupted")
ORDER = Sequence("journal_number", metadata=Base.metadata)
ENDED = "(ended_at IS NULL) = (state = 'started')"


class Deployment(Base):
    """One deploy of a release to an environment."""

    __tablename__ = "deployments"
    __table_args__ = (
        ForeignKeyConstraint(("project_id", "release_digest"), ("releases.project_id", "releases.digest")),
        one_of("state", MOVE_STATES),
        digest("previous_digest"),
        in_order("started_at", "ended_at"),
        CheckConstraint(ENDED, name="terminal_has_end"),
        *count("fence"),
        UniqueConstraint("number"),
        Index("ix_deployments_environment_id_number", "environment_id", "number"),
        Index("ix_deployments_run_id", "run_id"),
        {"comment": "Deploys, written before they are done."},
    )

    id: Mapped[UuidText] = column("Id of the deployment.", primary_key=True)
    number: Mapped[int] = column("Order of deploys and rollbacks in one.", ORDER, server_default=ORDER.next_value())
    run_id: Mapped[UuidText | None] = column(
        "Run; empty when the environment was settled outside of any.", ForeignKey("pipeline_runs.id")
    )
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    environment_id: Mapped[int] = column("Environment.", ForeignKey("environments.id"))
    target: Mapped[str] = column("How the release runs.")
    release_digest: Mapped[str] = column("Release that is to serve.")
    previous_digest: Mapped[str | None] = column("Release that served before; empty: none.")
    fence: Mapped[int] = column("Fence of the lock that it was done under.")
    state: Mapped[str] = column(
        "started, serving (it took over), failed (the old one serves on) or interrupted.", server_default="started"
    )
    detail: Mapped[str] = column("What happened, in words.", server_default="")
    smoke_passed: Mapped[bool | None] = column("Verdict of the smoke test; empty: none yet.")
    started_at: Mapped[datetime] = written_at("When it was begun.")
    ended_at: Mapped[datetime | None] = column("When it ended, or was settled.")


class Rollback(Base):
    """One way back to an earlier release."""

    __tablename__ = "rollbacks"
    __table_args__ = (
        ForeignKeyConstraint(("project_id", "to_digest"), ("releases.project_id", "releases.digest")),
        one_of("state", MOVE_STATES),
        digest("from_digest"),
        in_order("started_at", "ended_at"),
        CheckConstraint(ENDED, name="terminal_has_end"),
        CheckConstraint("state <> 'serving' OR to_digest IS NOT NULL", name="serving_has_target"),
        *count("fence"),
        *sane("seconds_to_restore"),
        UniqueConstraint("number"),
        Index("ix_rollbacks_environment_id_number", "environment_id", "number"),
        Index("ix_rollbacks_run_id", "run_id"),
        {"comment": "Rollbacks, written before they are done."},
    )

    id: Mapped[UuidText] = column("Id of the rollback.", primary_key=True)
    number: Mapped[int] = column("Order of deploys and rollbacks in one.", ORDER, server_default=ORDER.next_value())
    run_id: Mapped[UuidText | None] = column(
        "Run; empty when the environment was settled outside of any.", ForeignKey("pipeline_runs.id")
    )
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    environment_id: Mapped[int] = column("Environment.", ForeignKey("environments.id"))
    deployment_id: Mapped[UuidText | None] = column("Deploy that it undoes.", ForeignKey("deployments.id"))
    target: Mapped[str] = column("How the release runs.")
    from_digest: Mapped[str | None] = column("Bad release; empty: not known.")
    to_digest: Mapped[str | None] = column("Release that is to serve again; empty: there is none to go to.")
    reason: Mapped[str] = column("Why.")
    fence: Mapped[int] = column("Fence of the lock that it was done under.")
    state: Mapped[str] = column(
        "started, serving (the old release took over), failed or interrupted.", server_default="started"
    )
    detail: Mapped[str] = column("What happened, in words.", server_default="")
    validated: Mapped[bool | None] = column("The old release was seen to answer, and answer well.")
    seconds_to_restore: Mapped[float | None] = column("From the decision to the validated old release.")
    started_at: Mapped[datetime] = written_at("When it was begun.")
    ended_at: Mapped[datetime | None] = column("When it ended, or was settled.")


class DeploymentStep(Base):
    """One step of a deploy or a rollback, written before its effect."""

    __tablename__ = "deployment_steps"
    __table_args__ = (
        UniqueConstraint("deployment_id", "ordinal"),
        UniqueConstraint("rollback_id", "ordinal"),
        one_of("status", STEP_STATUSES),
        in_order("started_at", "ended_at"),
        CheckConstraint("num_nonnulls(deployment_id, rollback_id) = 1", name="one_owner"),
        CheckConstraint("(ended_at IS NULL) = (status = 'started')", name="ended"),
        CheckConstraint("ordinal >= 1", name="ordinal"),
        {"comment": "Steps of deploys and rollbacks: written before the effect, and again after it."},
    )

    id: Mapped[int] = key("Number of the step.")
    deployment_id: Mapped[UuidText | None] = column("Deploy.", ForeignKey("deployments.id", ondelete="CASCADE"))
    rollback_id: Mapped[UuidText | None] = column("Rollback.", ForeignKey("rollbacks.id", ondelete="CASCADE"))
    ordinal: Mapped[int] = column("Order, from 1.")
    name: Mapped[str] = column("What the step does.")
    status: Mapped[str] = column("started, done, failed, skipped or interrupted.", server_default="started")
    detail: Mapped[str] = column("What it did, in words.", server_default="")
    started_at: Mapped[datetime] = written_at("Before its effect.")
    ended_at: Mapped[datetime | None] = column("After its effect.")


class HealthCheck(Base):
    """A replica as it was observed after a deploy or a rollback."""

    __tablename__ = "health_checks"
    __table_args__ = (
        digest("release_digest"),
        *count("restarts", "memory_limit_bytes"),
        *sane("cpu_limit"),
        {"comment": "Replicas as observed after deploys and rollbacks."},
    )

    stage_run_id: Mapped[UuidText] = column("Stage.", ForeignKey(STAGE, ondelete="CASCADE"), primary_key=True)
    replica: Mapped[str] = column("Name of the replica.", primary_key=True)
    release_digest: Mapped[str | None] = column("Release as read from the process; empty: could not be told.")
    pid: Mapped[int | None] = column("Process id.")
    address: Mapped[str] = column("Where it listens.")
    healthy: Mapped[bool] = column("It answered its health check.")
    restarts: Mapped[int] = column("How often it was started again.")
    memory_limit_bytes: Mapped[int | None] = column("Memory limit in effect.")
    cpu_limit: Mapped[float | None] = column("CPU cores in effect.")
    limits_enforced: Mapped[Texts] = column("Which limits the machine really holds it to.", server_default=text("'{}'"))
    observed_at: Mapped[datetime] = column("When.")


class SmokeResult(Base):
    """One check of a smoke test, of its load, or of a rollback's validation."""

    __tablename__ = "smoke_results"
    __table_args__ = (
        one_of("kind", ("check", "threshold", "validation")),
        *sane("seconds"),
        *count("samples"),
        CheckConstraint("kind <> 'threshold' OR samples IS NOT NULL", name="threshold_has_samples"),
        {"comment": "Checks of smoke tests, thresholds of their load, and validations of rollbacks."},
    )

    stage_run_id: Mapped[UuidText] = column("Stage.", ForeignKey(STAGE, ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = column("Order, from 1.", primary_key=True)
    kind: Mapped[str] = column("check, threshold or validation.")
    name: Mapped[str] = column("What was asked.")
    passed: Mapped[bool] = column("It held.")
    expected: Mapped[str] = column("What had to come back.")
    observed: Mapped[str] = column("What came back.")
    seconds: Mapped[float | None] = column("How long it took; empty for a threshold.")
    samples: Mapped[int | None] = column("Samples behind a threshold; 0 proves nothing.")
