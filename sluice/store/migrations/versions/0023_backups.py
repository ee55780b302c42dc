"""Backups of the services' databases are rows, and so is what each migration of them did."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

STATES = "state IN ('running', 'done', 'kept', 'undone', 'restored', 'failed')"
STATE = (
    "running, done, kept (its release does not serve, the schema stays), undone, restored (from the backup) or "
    "failed (nothing was changed)."
)
NOW = sa.text("clock_timestamp()")


def text(name: str, comment: str, *, empty: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=empty, comment=comment, server_default=default)


def when(name: str, comment: str, *, now: bool = False) -> sa.Column[datetime]:
    return sa.Column(
        name, sa.DateTime(timezone=True), nullable=not now, comment=comment, server_default=NOW if now else None
    )


def sha256(table: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{name} ~ '^[0-9a-f]{{64}}$'", name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "backups",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False, comment="Id of the backup; its file is named so."),
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Environment."),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=True, comment="Run that took it."),
        text("database", "host:port/name of the database."),
        sa.Column("server", sa.BigInteger(), nullable=False, comment="Major version of its server."),
        text("tool", "Version of pg_dump."),
        text("version", "Version of the schema."),
        text("schema_sha256", "SHA-256 of the schema in SQL."),
        text("sha256", "SHA-256 of the file."),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Bytes of the file."),
        sa.Column(
            "tables",
            postgresql.JSONB(none_as_null=True),
            nullable=False,
            comment="Name of each table → its rows and a hash of their content.",
        ),
        when("taken_at", "When it was whole.", now=True),
        when("verified_at", "When it was restored last to prove it."),
        text("problem", "What that showed; empty text: it is what was dumped.", empty=True),
        when("removed_at", "When its file was removed, because there are newer ones."),
        sha256("backups", "sha256"),
        sha256("backups", "schema_sha256"),
        sa.CheckConstraint("size >= 0", name=op.f("ck_backups_size")),
        sa.CheckConstraint("server >= 0", name=op.f("ck_backups_server")),
        sa.CheckConstraint("verified_at >= taken_at", name=op.f("ck_backups_verified_at_after_taken_at")),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_backups_environment_id")),
        sa.ForeignKeyConstraint(["run_id"], ["pipeline_runs.id"], name=op.f("fk_backups_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
        comment="Backups of the services' databases, one before each migration.",
    )
    op.create_index("ix_backups_environment_id_taken_at", "backups", ["environment_id", "taken_at"])
    op.create_table(
        "migrations",
        sa.Column("deployment_id", sa.UUID(as_uuid=False), nullable=False, comment="Deploy."),
        text("release_digest", "Release whose command it is."),
        sa.Column("backup_id", sa.UUID(as_uuid=False), nullable=False, comment="Backup that was taken before."),
        sa.Column("reversible", sa.Boolean(), nullable=False, comment="A command is declared that takes it back."),
        text("version_before", "Version of the schema before."),
        text("version_after", "And after; empty: not known.", empty=True),
        text("schema_before", "SHA-256 of the schema before."),
        text("schema_after", "And after; empty: not known.", empty=True),
        text("state", STATE, default="running"),
        text("detail", "What happened, in words.", default=""),
        when("started_at", "Before the command.", now=True),
        when("ended_at", "When the state was written last."),
        sa.CheckConstraint("release_digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_migrations_release_digest")),
        sha256("migrations", "schema_before"),
        sha256("migrations", "schema_after"),
        sa.CheckConstraint(STATES, name=op.f("ck_migrations_state")),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_migrations_ended_at_after_started_at")),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name=op.f("fk_migrations_deployment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_migrations_backup_id")),
        sa.PrimaryKeyConstraint("deployment_id", name=op.f("pk_migrations")),
        comment="Migrations of the services' databases, written before they are begun.",
    )
