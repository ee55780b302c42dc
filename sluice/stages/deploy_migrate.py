"""The service's own database: backed up and migrated before the switch, taken back when its release does not serve."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from sluice.config.migrate import MigrateConfig
from sluice.errors import DeployFailedError, SluiceError
from sluice.records.backup import Backup, Migration
from sluice.stages import backup as backups
from sluice.stages.deploy_database import Commands, commands_for, commands_of
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_steps import Steps
from sluice.stages.deploy_turn import Turn
from sluice.targets.base import Launch
from sluice.tools import postgres_tables
from sluice.tools.postgres_client import Address

DONE, KEPT, UNDONE, RESTORED, FAILED = "done", "kept", "undone", "restored", "failed"


class MigrationFailedError(DeployFailedError):
    """The service's database could not be migrated; the new release was not started."""

    code = "MIGRATION_FAILED"


def migrate(mine: Turn, steps: Steps, kept: Kept, secrets: Mapping[str, str], launch: Launch) -> None:
    """Back the database up and bring it to what the release needs; nothing when the environment declares no way.

    Raises:
        MigrationFailedError: the command failed; what it left was taken back in the declared way.
        DumpError, AppDatabaseError: there is no backup, so nothing was run.
    """
    wanted = launch.declaration.migrate
    if wanted is None:
        return
    site, journal = mine.site, mine.world.journal
    site.keep(kept)  # who takes its migration back needs its commands
    commands = commands_for(mine, launch, secrets, wanted)
    with steps.step("backup") as note:
        made = backups.take(
            commands.place, wanted.version, mine.world.home, site.project, site.environment, wanted.timeout
        )
        journal.add_backup(mine.lease, mine.run_id, made)
        _thin_out(mine, wanted.keep)
        note.detail = (
            f"{made.id[:8]} of {made.database}: {len(made.tables)} tables, {made.rows} rows, {made.size} bytes"
        )
    with steps.step("migrate") as note:
        begun = _begun(mine, launch, made, wanted)
        problem = commands.run(wanted.command, _mark(begun))
        if problem:
            raise MigrationFailedError(
                "the migration of the service's database failed",
                where=f"environments.{site.environment}.migrate.command",
                next_step=f"{take_back(mine, begun, commands)}. The release before it serves on; mend, then run again. "
                f"It said: {problem}",
            )
        after = commands.schema()
        known = {"version_after": after.version, "schema_after": after.sha256}
        journal.end_migration(mine.lease, begun.deployment_id, DONE, "", **known)
        same = (after.version, after.sha256) == (made.version, made.schema_sha256)
        note.detail = f"nothing to do at {after.version}" if same else f"{made.version or 'nothing'} → {after.version}"


def take_back(mine: Turn, migration: Migration, commands: Commands | None = None) -> str:
    """Bring the schema back to what it was before a migration, in the declared way; return what was done, in words.

    What cannot be taken back stays, and is told: the state of the migration is `kept`.
    """
    commands = commands or commands_of(mine, migration)
    if commands is None:
        return _end(mine, migration, KEPT, "the schema stays: how it was migrated is not known any more")
    _end_leftovers(mine, migration, commands.place)
    made, wanted = _backup_of(mine, migration), commands.wanted
    if made is not None and backups.was_put_back(made, commands.place):
        return _end(mine, migration, RESTORED, f"backup {made.id[:8]} was put back")
    here = commands.schema()
    if (here.version, here.sha256) == (migration.version_before, migration.schema_before):
        return _end(mine, migration, FAILED, f"the schema is as it was, {here.version or 'empty'}")
    if wanted.reversible:
        return _down(mine, migration, commands)
    if wanted.restore and migration.state == "running" and made is not None:
        problem = backups.put_back(made, commands.place, mine.world.home, wanted.timeout)
        if problem:
            return _end(mine, migration, KEPT, f"the schema stays half-way: R04 BACKUP_CORRUPT, {problem}")
        kept = backups.replaced_name(commands.place, made)
        return _end(mine, migration, RESTORED, f"backup {made.id[:8]} was put back; what was there is now {kept}")
    return _end(mine, migration, KEPT, f"the schema stays at {here.version}: its migration is not reversible")


def settle_migrations(mine: Turn) -> None:
    """See to the migrations whose deployments did not take over, and to one that the serving release still needs."""
    site, journal = mine.site, mine.world.journal
    for stray in journal.stray_migrations(site.project, site.environment):
        try:
            site.log(f"settle: migration of {stray.release_digest[:19]}: {take_back(mine, stray)}")
        except SluiceError as error:
            site.log(f"settle: migration of {stray.release_digest[:19]}: put off: {error}")
    serving = site.serving()
    own = journal.migration_of(serving.deployment_id) if serving is not None else None
    if own is not None and own.state in ("running", UNDONE, RESTORED):
        site.log(f"settle: {redo(mine, own)}")


def redo(mine: Turn, migration: Migration) -> str:
    """Migrate again for a release that serves on, after its migration was taken back; return the outcome in words."""
    commands = commands_of(mine, migration)
    if commands is None:
        return "how the serving release migrates is not known any more"
    _end_leftovers(mine, migration, commands.place)
    problem = commands.run(commands.wanted.command, _mark(migration))
    if problem:
        return f"the serving release's migration fails: {problem}"
    after = commands.schema()
    known = {"version_after": after.version, "schema_after": after.sha256}
    return _end(mine, migration, DONE, f"migrated to {after.version} again, for the release that serves", **known)


def _begun(mine: Turn, launch: Launch, made: Backup, wanted: MigrateConfig) -> Migration:
    begun = Migration(
        deployment_id=launch.deployment_id,
        release_digest=launch.release.digest,
        backup_id=made.id,
        reversible=wanted.reversible,
        version_before=made.version,
        version_after=None,
        schema_before=made.schema_sha256,
        schema_after=None,
        state="running",
    )
    mine.world.journal.begin_migration(mine.lease, begun)
    return begun


def _down(mine: Turn, migration: Migration, commands: Commands) -> str:
    """Run `down`; the state says meanwhile that a command is at work."""
    mine.world.journal.end_migration(mine.lease, migration.deployment_id, "running", "down")
    before = migration.version_before
    words = [word.replace("{version}", before) for word in commands.wanted.down]
    problem = commands.run(words, _mark(migration))
    if problem:
        return _end(mine, migration, KEPT, f"the schema stays: `down` failed, {problem}")
    here = commands.schema()
    same = here.version == before if commands.wanted.version else here.sha256 == migration.schema_before
    if not same:
        return _end(mine, migration, KEPT, f"`down` ended well and left {here.version} instead of {before}")
    return _end(mine, migration, UNDONE, f"taken back to {before or 'what it was'} by `down`")


def _end(mine: Turn, migration: Migration, state: str, told: str, **values: str) -> str:
    mine.world.journal.end_migration(mine.lease, migration.deployment_id, state, told, **values)
    return told


def _backup_of(mine: Turn, migration: Migration) -> Backup | None:
    views = mine.world.journal.backups(mine.site.project, mine.site.environment)
    return next((view.backup for view in views if view.backup.id == migration.backup_id), None)


def _mark(migration: Migration) -> str:
    return f"sluice-{migration.deployment_id}"


def _end_leftovers(mine: Turn, migration: Migration, place: Address) -> None:
    """End a command that outlived the run which began it, before its work is undone or done again."""
    mine.site.target.end_asked(mine.site.project, mine.site.environment, _mark(migration))
    with suppress(postgres_tables.AppDatabaseError):  # who may not end sessions of others has none either
        postgres_tables.end_sessions(place, _mark(migration))


def _thin_out(mine: Turn, keep: int) -> None:
    views = mine.world.journal.backups(mine.site.project, mine.site.environment)
    old = [view.backup for view in views if view.removed_at is None][keep:]
    for each in old:
        backups.forget(each, mine.world.home)
    if old:
        mine.world.journal.mark_removed(tuple(each.id for each in old))
