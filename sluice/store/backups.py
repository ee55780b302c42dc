"""Rows of backups, and of the migrations that were run after them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from sluice.records.backup import Backup, Migration, TableContent
from sluice.store.engine import asking, retry_database
from sluice.store.environments import environment_id, find_environment
from sluice.store.leases import clock
from sluice.store.locks import Fenced, confirm
from sluice.store.projects import known_run
from sluice.store.tables.backups import Backup as BackupRow
from sluice.store.tables.backups import Migration as MigrationRow
from sluice.store.tables.deployments import Deployment
from sluice.store.tables.environments import Environment
from sluice.store.tables.runs import Project
from sluice.store.texts import storable_text

# What a release that served here before cannot know: migrations of later deploys that still stand, newest first.
SINCE = text("""
    SELECT m.deployment_id::text FROM migrations m JOIN deployments d ON d.id = m.deployment_id
    WHERE d.environment_id = :place AND m.state IN ('running', 'done', 'kept')
      AND (m.schema_before, m.version_before) IS DISTINCT FROM (m.schema_after, m.version_after)
      AND d.number > coalesce((SELECT max(v.number) FROM v_moves v WHERE v.environment_id = :place
                               AND v.to_digest = :digest AND v.state = 'serving'), 0)
    ORDER BY d.number DESC
""")
FIELDS = tuple(Migration.model_fields)


@dataclass(frozen=True)
class BackupView:
    """A backup with what is known of it by now."""

    backup: Backup
    verified_at: datetime | None
    problem: str | None
    removed_at: datetime | None


class Backups:
    """Writes and reads them; what changes an environment carries the fence of its lock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @retry_database
    def add_backup(self, lease: Fenced, run_id: str, backup: Backup) -> None:
        """Keep what is known of a backup that is whole; written again it changes nothing."""
        with self.engine.begin() as connection:
            place = environment_id(connection, backup.project, backup.environment)
            confirm(connection, place, lease)
            values = backup.model_dump(exclude={"project", "environment", "tables", "taken_at"})
            tables = {table.name: [table.rows, table.content] for table in backup.tables}
            row = insert(BackupRow).values(values | {"environment_id": place, "tables": tables})
            row = row.values(run_id=known_run(run_id))
            connection.execute(row.on_conflict_do_nothing(index_elements=["id"]))

    @retry_database
    def backups(self, project: str | None = None, environment: str | None = None) -> tuple[BackupView, ...]:
        """Return the backups, newest first; those whose files were removed among them."""
        query = (
            select(BackupRow.__table__, Environment.name.label("environment"), Project.name.label("project"))
            .join(Environment, Environment.id == BackupRow.environment_id)
            .join(Project, Project.id == Environment.project_id)
            .order_by(BackupRow.taken_at.desc())
        )
        query = query.where(Project.name == project) if project else query
        query = query.where(Environment.name == environment) if environment else query
        with asking(self.engine) as connection:
            return tuple(map(_view, connection.execute(query).mappings()))

    @retry_database
    def mark_verified(self, backup_id: str, problem: str) -> None:
        """Keep what a restore of the backup showed."""
        values = {"verified_at": func.greatest(BackupRow.taken_at, clock()), "problem": storable_text(problem)}
        with self.engine.begin() as connection:
            connection.execute(update(BackupRow).where(BackupRow.id == backup_id).values(values))

    @retry_database
    def mark_removed(self, backup_ids: tuple[str, ...]) -> None:
        """Keep that the files of these backups are gone."""
        with self.engine.begin() as connection:
            gone = update(BackupRow).where(BackupRow.id.in_(backup_ids), BackupRow.removed_at.is_(None))
            connection.execute(gone.values(removed_at=clock()))

    @retry_database
    def begin_migration(self, lease: Fenced, migration: Migration) -> None:
        """Write that a deployment begins to migrate."""
        with self.engine.begin() as connection:
            confirm(connection, _place_of(connection, migration.deployment_id), lease)
            row = insert(MigrationRow).values(migration.model_dump())
            connection.execute(row.on_conflict_do_nothing(index_elements=["deployment_id"]))

    @retry_database
    def end_migration(self, lease: Fenced, deployment_id: str, state: str, detail: str, **values: str) -> None:
        """Write what became of it; see :class:`sluice.records.backup.Migration` for the states."""
        written = {"state": state, "detail": storable_text(detail), **values}
        with self.engine.begin() as connection:
            confirm(connection, _place_of(connection, deployment_id), lease)
            row = update(MigrationRow).where(MigrationRow.deployment_id == deployment_id)
            connection.execute(row.values(written | {"ended_at": func.greatest(MigrationRow.started_at, clock())}))

    @retry_database
    def migration_of(self, deployment_id: str) -> Migration | None:
        """Return the migration of a deployment; None when it ran none."""
        query = select(MigrationRow.__table__).where(MigrationRow.deployment_id == deployment_id)
        with asking(self.engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Migration(**{name: row[name] for name in FIELDS})

    @retry_database
    def migrations_since(self, project: str, environment: str, digest: str) -> tuple[Migration, ...]:
        """Return the migrations that still stand and are newer than this release's last time here, newest first."""
        with asking(self.engine) as connection:
            place = find_environment(connection, project, environment)
            ids = connection.scalars(SINCE, {"place": place, "digest": digest}).all()
            query = select(MigrationRow.__table__).where(MigrationRow.deployment_id.in_(ids))
            found = {str(row["deployment_id"]): row for row in connection.execute(query).mappings()}
        return tuple(Migration(**{name: found[each][name] for name in FIELDS}) for each in ids)

    @retry_database
    def stray_migrations(self, project: str, environment: str) -> tuple[Migration, ...]:
        """Return the migrations, newest first, whose deployments ended without taking over, and nobody saw to."""
        query = (
            select(MigrationRow.__table__)
            .join(Deployment, Deployment.id == MigrationRow.deployment_id)
            .where(MigrationRow.state.in_(("running", "done")), Deployment.state.in_(("failed", "interrupted")))
            .order_by(Deployment.number.desc())
        )
        with asking(self.engine) as connection:
            place = find_environment(connection, project, environment)
            rows = connection.execute(query.where(Deployment.environment_id == place)).mappings().all()
        return tuple(Migration(**{name: row[name] for name in FIELDS}) for row in rows)


def _place_of(connection: Connection, deployment_id: str) -> int:
    return int(connection.execute(select(Deployment.environment_id).where(Deployment.id == deployment_id)).scalar_one())


def _view(row: RowMapping) -> BackupView:
    tables = tuple(TableContent(name=name, rows=each[0], content=each[1]) for name, each in row["tables"].items())
    known: dict[str, Any] = {name: row[name] for name in Backup.model_fields if name != "tables"}
    return BackupView(Backup(**known, tables=tables), row["verified_at"], row["problem"], row["removed_at"])
