"""Environments, who may act on them, and which releases are fenced there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, UuidText, column, count, in_order, key, written_at


class Environment(Base):
    """Where releases of a project run."""

    __tablename__ = "environments"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        UniqueConstraint("port"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
        {"comment": "Environments: where releases of a project run."},
    )

    id: Mapped[int] = key("Number of the environment.")
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    name: Mapped[str] = column("Name as in sluice.yaml.")
    target: Mapped[str | None] = column("How a release runs there; empty before the first deploy.")
    port: Mapped[int | None] = column("Port of the environment on 127.0.0.1, chosen once.")
    created_at: Mapped[datetime] = written_at("When it was first named.")


class EnvironmentLock(Base):
    """Who may act on an environment. Only the database's clock counts."""

    __tablename__ = "environment_locks"
    __table_args__ = (
        *count("fence"),
        CheckConstraint("(holder_run_id IS NULL) = (lease_until IS NULL)", name="held_has_lease"),
        CheckConstraint("(holder_run_id IS NULL) = (acquired_at IS NULL)", name="held_has_start"),
        {"comment": "Locks: which run may act on an environment, and until when without a renewal."},
    )

    environment_id: Mapped[int] = column("Environment.", ForeignKey("environments.id"), primary_key=True)
    fence: Mapped[int] = column("Grows with each holder: what an earlier holder writes is refused.")
    holder_run_id: Mapped[UuidText | None] = column("Run, or settling, that holds it; empty: free.")
    purpose: Mapped[str] = column("For what it is, or was last, held.", server_default="")
    acquired_at: Mapped[datetime | None] = column("Since when it is held.")
    lease_until: Mapped[datetime | None] = column("The holder is dead when this passes without a renewal.")
    token: Mapped[UuidText | None] = column("Of one taking: a repeated write is told from another holder by it.")


class ReleaseFence(Base):
    """A release that must not come back to an environment."""

    __tablename__ = "release_fences"
    __table_args__ = (
        ForeignKeyConstraint(("project_id", "release_digest"), ("releases.project_id", "releases.digest")),
        in_order("fenced_at", "lifted_at"),
        CheckConstraint("reason <> ''", name="says_why"),
        {"comment": "Releases that must not come back to an environment."},
    )

    environment_id: Mapped[int] = column("Environment.", ForeignKey("environments.id"), primary_key=True)
    release_digest: Mapped[str] = column("Release.", primary_key=True)
    project_id: Mapped[int] = column("Project of both.")
    reason: Mapped[str] = column("Why.")
    run_id: Mapped[UuidText | None] = column("Run that fenced it.", ForeignKey("pipeline_runs.id"))
    fenced_at: Mapped[datetime] = written_at("Since when.")
    lifted_at: Mapped[datetime | None] = column("When somebody lifted the fence.")
    lifted_by: Mapped[str] = column("Who lifted it.", server_default="")
