"""Who waits: runs for an environment, and deploys for somebody's word."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, UuidText, column, digest, in_order, key, one_of, written_at


class EnvironmentWaiter(Base):
    """A run that waits for an environment's lock; of the deploys among them the newest run wins."""

    __tablename__ = "environment_waiters"
    __table_args__ = (
        Index("ix_environment_waiters_environment_id", "environment_id"),
        {"comment": "Runs that wait for the lock of an environment; removed when they wait no more."},
    )

    token: Mapped[UuidText] = column("Of one wait.", primary_key=True)
    environment_id: Mapped[int] = column("Environment.", ForeignKey("environments.id"))
    run_id: Mapped[UuidText] = column("Run, or settling, that waits.")
    purpose: Mapped[str] = column("What for.")
    yields: Mapped[bool] = column("It gives way to newer runs: it is a deploy.")
    since: Mapped[datetime] = written_at("Since when.")
    seen_at: Mapped[datetime] = written_at("When it last looked; it is dead when that is long ago.")


class Approval(Base):
    """A deploy that somebody else than the author has to approve."""

    __tablename__ = "approvals"
    __table_args__ = (
        digest("release_digest"),
        one_of("state", ("waiting", "approved", "rejected", "expired")),
        in_order("asked_at", "decided_at"),
        CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint("state NOT IN ('approved', 'rejected') OR decided_by <> ''", name="decided_by_somebody"),
        Index("ix_approvals_run_id", "run_id"),
        {"comment": "Deploys to environments with approvers: who was asked, and who said what."},
    )

    id: Mapped[int] = key("Number of the question.")
    run_id: Mapped[UuidText] = column("Run that waits.", ForeignKey("pipeline_runs.id", ondelete="CASCADE"))
    environment_id: Mapped[int] = column("Where it would deploy.", ForeignKey("environments.id"))
    release_digest: Mapped[str] = column("What it would deploy.")
    author: Mapped[str] = column("Author of the commit, `name <address>`, who cannot approve it.")
    state: Mapped[str] = column("waiting, approved, rejected or expired.", server_default="waiting")
    asked_at: Mapped[datetime] = written_at("Since when it waits.")
    decided_at: Mapped[datetime | None] = column("When it was decided.")
    decided_by: Mapped[str] = column("Who decided.", server_default="")
    reason: Mapped[str] = column("Why, in their words.", server_default="")
