"""Backups of the services' databases, and what their migrations did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, Json, UuidText, column, count, digest, in_order, one_of, sha256, written_at

MIGRATION_STATES = ("running", "done", "kept", "undone", "restored", "failed")


class Backup(Base):
    """One dump of a service's database."""

    __tablename__ = "backups"
    __table_args__ = (
        sha256("sha256"),
        sha256("schema_sha256"),
        *count("size", "server"),
        in_order("taken_at", "verified_at"),
        Index("ix_backups_environment_id_taken_at", "environment_id", "taken_at"),
        {"comment": "Backups of the services' databases, one before each migration."},
    )

    id: Mapped[UuidText] = column("Id of the backup; its file is named so.", primary_key=True)
    environment_id: Mapped[int] = column("Environment.", ForeignKey("environments.id"))
    run_id: Mapped[UuidText | None] = column("Run that took it.", ForeignKey("pipeline_runs.id"))
    database: Mapped[str] = column("host:port/name of the database.")
    server: Mapped[int] = column("Major version of its server.")
    tool: Mapped[str] = column("Version of pg_dump.")
    version: Mapped[str] = column("Version of the schema.")
    schema_sha256: Mapped[str] = column("SHA-256 of the schema in SQL.")
    sha256: Mapped[str] = column("SHA-256 of the file.")
    size: Mapped[int] = column("Bytes of the file.")
    tables: Mapped[Json] = column("Name of each table → its rows and a hash of their content.")
    taken_at: Mapped[datetime] = written_at("When it was whole.")
    verified_at: Mapped[datetime | None] = column("When it was restored last to prove it.")
    problem: Mapped[str | None] = column("What that showed; empty text: it is what was dumped.")
    removed_at: Mapped[datetime | None] = column("When its file was removed, because there are newer ones.")


class Migration(Base):
    """The migration of a service's database that one deployment ran."""

    __tablename__ = "migrations"
    __table_args__ = (
        ForeignKeyConstraint(("deployment_id",), ("deployments.id",), ondelete="CASCADE"),
        digest("release_digest"),
        sha256("schema_before"),
        sha256("schema_after"),
        one_of("state", MIGRATION_STATES),
        in_order("started_at", "ended_at"),
        {"comment": "Migrations of the services' databases, written before they are begun."},
    )

    deployment_id: Mapped[UuidText] = column("Deploy.", primary_key=True)
    release_digest: Mapped[str] = column("Release whose command it is.")
    backup_id: Mapped[UuidText] = column("Backup that was taken before.", ForeignKey("backups.id"))
    reversible: Mapped[bool] = column("A command is declared that takes it back.")
    version_before: Mapped[str] = column("Version of the schema before.")
    version_after: Mapped[str | None] = column("And after; empty: not known.")
    schema_before: Mapped[str] = column("SHA-256 of the schema before.")
    schema_after: Mapped[str | None] = column("And after; empty: not known.")
    state: Mapped[str] = column(
        "running, done, kept (its release does not serve, the schema stays), undone, restored (from the backup) or "
        "failed (nothing was changed).",
        server_default="running",
    )
    detail: Mapped[str] = column("What happened, in words.", server_default="")
    started_at: Mapped[datetime] = written_at("Before the command.")
    ended_at: Mapped[datetime | None] = column("When the state was written last.")
