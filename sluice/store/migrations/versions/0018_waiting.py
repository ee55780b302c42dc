"""Runs that wait for an environment, and deploys that wait for an approval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "environment_waiters",
        sa.Column("token", sa.UUID(as_uuid=False), nullable=False, comment="Of one wait."),
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Environment."),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False, comment="Run, or settling, that waits."),
        sa.Column("purpose", sa.Text(), nullable=False, comment="What for."),
        sa.Column("yields", sa.Boolean(), nullable=False, comment="It gives way to newer runs: it is a deploy."),
        sa.Column("since", sa.DateTime(timezone=True), server_default=NOW, nullable=False, comment="Since when."),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            server_default=NOW,
            nullable=False,
            comment="When it last looked; it is dead when that is long ago.",
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_environment_waiters_environment_id")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_environment_waiters")),
        comment="Runs that wait for the lock of an environment; removed when they wait no more.",
    )
    op.create_index("ix_environment_waiters_environment_id", "environment_waiters", ["environment_id"])
    op.create_table(
        "approvals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the question."),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False, comment="Run that waits."),
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Where it would deploy."),
        sa.Column("release_digest", sa.Text(), nullable=False, comment="What it would deploy."),
        sa.Column(
            "author",
            sa.Text(),
            nullable=False,
            comment="Author of the commit, `name <address>`, who cannot approve it.",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="waiting",
            nullable=False,
            comment="waiting, approved, rejected or expired.",
        ),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False, comment="Since when it waits."
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True, comment="When it was decided."),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False, comment="Who decided."),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="Why, in their words."),
        sa.CheckConstraint("release_digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_approvals_release_digest")),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'rejected', 'expired')", name=op.f("ck_approvals_state")
        ),
        sa.CheckConstraint("decided_at >= asked_at", name=op.f("ck_approvals_decided_at_after_asked_at")),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL)", name=op.f("ck_approvals_decided_has_time")
        ),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'rejected') OR decided_by <> ''", name=op.f("ck_approvals_decided_by_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["pipeline_runs.id"], name=op.f("fk_approvals_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_approvals_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        comment="Deploys to environments with approvers: who was asked, and who said what.",
    )
    op.create_index("ix_approvals_run_id", "approvals", ["run_id"])
