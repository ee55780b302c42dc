"""R03 and R04: whether the release to go back to can read the data, and bringing the data back to where it can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sluice.command import mask
from sluice.records.backup import Migration
from sluice.records.deploy import RollbackRequest
from sluice.stages import backup as backups
from sluice.stages.deploy_database import launch_of, place_of
from sluice.stages.deploy_migrate import KEPT, RESTORED, redo, take_back
from sluice.stages.deploy_preflight import configuration
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_steps import Steps
from sluice.stages.deploy_turn import Turn

SECONDS = 60.0
SHOWN = 300


@dataclass(frozen=True)
class Data:
    """How the data stands for a release.

    Attributes:
        readable: it can read them; None when nobody could tell.
        problem: why it cannot.
        backup: what is wrong with the backup that was to be put back; "" it was whole, None: none was asked for.
        undone: the migrations that were taken back.
    """

    readable: bool | None
    problem: str = ""
    backup: str | None = None
    undone: tuple[Migration, ...] = ()


UNTOLD = Data(None)


def reads_data(mine: Turn, target: Kept, secrets: Mapping[str, str]) -> tuple[bool | None, str]:
    """Ask the release itself, by its `service.reads_data`, in its own environment.

    Returns:
        Whether it can (None: it declares no such command), and the end of what it said when it cannot.
    """
    words = target.service.reads_data
    if not words:
        return None, ""
    said = mine.site.target.ask(launch_of(mine, target), secrets, words, SECONDS)
    if said.exit_code == 0:
        return True, ""
    hidden = [value for value in secrets.values() if len(value) > 3]
    told = mask(" ".join(said.output.split()), hidden)[-SHOWN:]
    how = f"ended with exit code {said.exit_code}" if said.exit_code is not None else f"took more than {SECONDS:g} s"
    return False, told or f"it {how}"


def ready_data(mine: Turn, steps: Steps, request: RollbackRequest, target: Kept, *, serves: bool) -> Data:
    """See that the release to go back to finds data that it can read.

    With `restore_backup` the backup before the oldest migration that it does not know is put back. Otherwise, unless
    it says that it can read the data as they are, the newer migrations are taken back where all are reversible.

    Args:
        serves: it has the users' requests already, so that nothing is refused.
    """
    site = mine.site
    newer = mine.world.journal.migrations_since(site.project, site.environment, target.release.digest)
    if serves and not newer:
        return UNTOLD
    if newer and request.restore_backup:
        return _restore(mine, steps, target, newer)
    if request.restore_backup:
        site.log("no backup is put back: no migration is newer than the release to go back to")
    readable, problem = reads_data(mine, target, configuration(target.declaration, site.environment))
    if readable or not newer:
        return Data(readable, problem)
    if all(each.reversible for each in newer):
        return _undo(mine, steps, newer)
    if serves and readable is None:
        return UNTOLD
    stuck = next(each for each in newer if not each.reversible)
    told = f"the migration {_way(stuck)} of {stuck.release_digest[:19]} is newer and not reversible"
    return Data(False, f"{problem}; {told}" if problem else told)


def undo_again(mine: Turn, data: Data) -> None:
    """The release to go back to did not start: migrate again for the one that serves on."""
    for each in reversed(data.undone):
        mine.site.log(f"{_way(each)}: {redo(mine, each)}")


def _undo(mine: Turn, steps: Steps, newer: tuple[Migration, ...]) -> Data:
    with steps.step("undo") as note:
        told = [take_back(mine, each) for each in newer]
        note.detail = "; ".join(told)
    now = {each.deployment_id: mine.world.journal.migration_of(each.deployment_id) for each in newer}
    stuck = [each for each in now.values() if each is not None and each.state == KEPT]
    return Data(not stuck, "" if not stuck else note.detail, undone=newer)


def _restore(mine: Turn, steps: Steps, target: Kept, newer: tuple[Migration, ...]) -> Data:
    wanted, site = target.declaration.migrate, mine.site
    views = mine.world.journal.backups(site.project, site.environment)
    made = next((view.backup for view in views if view.backup.id == newer[-1].backup_id), None)
    if wanted is None or made is None:
        return Data(False, "no backup is known, or `migrate` is not declared any more")
    _, place = place_of(wanted, site.environment)
    with steps.step("restore") as note:
        lost = backups.lost_rows(made, place)
        site.log(f"backup {made.id[:8]} of {made.taken_at:%F %T} UTC is put back; what differs: {lost or 'nothing'}")
        for each in newer:  # killed from here on, the serving release migrates again
            mine.world.journal.end_migration(mine.lease, each.deployment_id, "running", "restore")
        problem = backups.put_back(made, place, mine.world.home, wanted.timeout)
        mine.world.journal.mark_verified(made.id, problem)
        state, told = ("", "") if problem else (RESTORED, f"backup {made.id[:8]}")
        for each in newer:
            mine.world.journal.end_migration(mine.lease, each.deployment_id, state or each.state, told)
        if problem:
            note.detail = f"nothing was changed: {problem}"
            return Data(False, f"backup {made.id[:8]} is not what was dumped", backup=problem)
        note.detail = (
            f"{made.id[:8]}, and {backups.replaced_name(place, made)} has what was there: {lost or 'the same'}"
        )
    return Data(None, backup="", undone=newer)


def _way(migration: Migration) -> str:
    return f"{migration.version_before or 'nothing'} → {migration.version_after or 'not known'}"
