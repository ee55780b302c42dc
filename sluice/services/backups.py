"""Proving backups by hand, with the database that the project declared last."""

from __future__ import annotations

from collections.abc import Sequence

from sluice.config.model import Config
from sluice.errors import UsageError
from sluice.records.backup import Backup
from sluice.settings import Settings
from sluice.stages.backup import Proof, verify
from sluice.stages.deploy_database import place_of
from sluice.store.backups import BackupView


def chosen(views: Sequence[BackupView], wanted: str | None) -> tuple[Backup, ...]:
    """Return the backups whose id begins so; with None the newest of each environment whose file is kept.

    Raises:
        UsageError: there is none, `BACKUP_UNKNOWN` or `BACKUP_NONE`.
    """
    if wanted is not None:
        found = tuple(view.backup for view in views if view.backup.id.startswith(wanted))
        if not found:
            step = "`sluice backup list` shows them."
            raise UsageError("there is no such backup", code="BACKUP_UNKNOWN", found=wanted, next_step=step)
        return found
    newest: dict[tuple[str, str], Backup] = {}
    for view in views:
        if view.removed_at is None:
            newest.setdefault((view.backup.project, view.backup.environment), view.backup)
    if not newest:
        step = (
            "One is taken before each migration (`migrate` in sluice.yaml); `sluice backup list` shows those removed."
        )
        raise UsageError("there is no backup to prove", code="BACKUP_NONE", next_step=step)
    return tuple(newest.values())


def prove(settings: Settings, backup: Backup) -> Proof:
    """Restore a backup beside the database that it is of, and keep what that showed.

    Raises:
        UsageError: `MIGRATE_UNKNOWN`: the environment declares no database any more.
    """
    from sluice.database import database
    from sluice.store.declarations import last_declared
    from sluice.store.journal import Journal

    found = last_declared(database(), backup.project, backup.environment)
    declared = Config.model_validate(found, by_name=True).environments[backup.environment].migrate if found else None
    if declared is None:
        raise UsageError(
            f"{backup.environment} of {backup.project} declares no `migrate` any more",
            code="MIGRATE_UNKNOWN",
            found=backup.id,
        )
    _, place = place_of(declared, backup.environment)
    proof = verify(backup, place, settings.home, declared.timeout)
    Journal(database()).mark_verified(backup.id, proof.problem)
    return proof
