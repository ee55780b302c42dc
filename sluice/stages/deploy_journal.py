"""What deploy and rollback write down before they do it; `sluice.store.journal.Journal` is the real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from sluice.records.backup import Backup, Migration
from sluice.records.build import Release
from sluice.records.deploy import CanaryStep, Step


class Lease(Protocol):
    """The right to change one environment; a later holder has a higher fence."""

    @property
    def fence(self) -> int:
        """Number that every write of this holder carries."""

    @property
    def lost(self) -> bool:
        """Tell whether somebody else has taken the environment over."""


class KnownBackup(Protocol):
    """A backup with what is known of it by now."""

    @property
    def backup(self) -> Backup:
        """The backup."""

    @property
    def removed_at(self) -> datetime | None:
        """When its file was removed; None: it is there."""


class DeployJournal(Protocol):
    """The rows of deployments, rollbacks and fences. Writes are refused when the lease was lost."""

    def lock(
        self,
        project: str,
        environment: str,
        run_id: str,
        purpose: str,
        wait_seconds: float,
        waiting: Callable[[Any], None] | None,
        yields: bool,
    ) -> AbstractContextManager[Lease]:
        """Hold the environment's lock; DeployRefusedError names the holder when it stays taken.

        `waiting` is told each holder (who, since when, what for); one that `yields` gives way to newer runs.
        """

    def environment_port(self, project: str, environment: str, wanted: int | None = None) -> int:
        """Return the environment's port on 127.0.0.1: the declared one, or one that is chosen once."""

    def begin_deployment(
        self,
        lease: Lease,
        run_id: str,
        project: str,
        environment: str,
        release: Release,
        previous: Release | None,
        target: str,
    ) -> str:
        """Open a deployment and return its id."""

    def refused(self, run_id: str, project: str, environment: str, who: str, code: str, reason: str) -> None:
        """Write into the audit trail that a rule refused a deploy."""

    def step(self, lease: Lease, deployment_id: str, step: Step) -> None:
        """Write a step: `started` before it is done, then `done` or `failed`."""

    def canary_step(self, lease: Lease, deployment_id: str, step: CanaryStep) -> None:
        """Write how both releases answered in a step of a canary, and the verdict."""

    def canary_steps(self, deployment_id: str) -> tuple[CanaryStep, ...]:
        """Return the steps of a deployment's canary, in order; none when it took over at once."""

    def finish_deployment(self, lease: Lease, deployment_id: str, state: str, detail: str = "") -> None:
        """Close a deployment: `serving`, `failed`, `interrupted`."""

    def open_deployments(self, project: str, environment: str) -> tuple[str, ...]:
        """Return the ids of deployments that were begun here and never finished."""

    def current_release(self, project: str, environment: str) -> Release | None:
        """Return where the newest finished deploy or rollback went; None when nothing was ever finished here."""

    def last_good_release(self, project: str, environment: str, besides: str | None = None) -> Release | None:
        """Return the newest release that passed smoke here, is not fenced and is not `besides` (a digest)."""

    def smoke_passed(self, project: str, environment: str, digest: str) -> bool:
        """Tell whether the release ever passed its smoke test here."""

    def begin_rollback(
        self,
        lease: Lease,
        run_id: str,
        project: str,
        environment: str,
        bad: Release | None,
        to: Release | None,
        reason: str,
        target: str,
    ) -> str:
        """Open a rollback and return its id."""

    def rollback_step(self, lease: Lease, rollback_id: str, step: Step) -> None:
        """Write a step of a rollback, as :meth:`step` does for a deployment."""

    def finish_rollback(
        self, lease: Lease, rollback_id: str, state: str, detail: str, validated: bool, seconds_to_restore: float | None
    ) -> None:
        """Close a rollback: `serving`, `failed`, `interrupted`."""

    def open_rollbacks(self, project: str, environment: str) -> tuple[str, ...]:
        """Return the ids of rollbacks that were begun here and never finished."""

    def bad_release(self, rollback_id: str) -> tuple[Release, str] | None:
        """Return the release that a rollback got away from, and why; None when it names none."""

    def add_backup(self, lease: Lease, run_id: str, backup: Backup) -> None:
        """Keep what is known of a backup that is whole."""

    def backups(self, project: str | None = None, environment: str | None = None) -> Sequence[KnownBackup]:
        """Return the backups, newest first; those whose files were removed among them."""

    def mark_verified(self, backup_id: str, problem: str) -> None:
        """Keep what a restore of the backup showed."""

    def mark_removed(self, backup_ids: tuple[str, ...]) -> None:
        """Keep that the files of these backups are gone."""

    def begin_migration(self, lease: Lease, migration: Migration) -> None:
        """Write that a deployment begins to migrate the service's database."""

    def end_migration(self, lease: Lease, deployment_id: str, state: str, detail: str, **values: str) -> None:
        """Write what became of it."""

    def migration_of(self, deployment_id: str) -> Migration | None:
        """Return the migration of a deployment; None when it ran none."""

    def migrations_since(self, project: str, environment: str, digest: str) -> tuple[Migration, ...]:
        """Return the migrations that stand and are newer than this release's last time here, newest first."""

    def stray_migrations(self, project: str, environment: str) -> tuple[Migration, ...]:
        """Return the migrations whose deployments ended without taking over, and nobody saw to; newest first."""

    def fence(self, lease: Lease, project: str, environment: str, release: Release, reason: str) -> None:
        """Forbid this release here from now on."""

    def fenced(self, project: str, environment: str, digest: str) -> str | None:
        """Return why the release is fenced here; None when it is not."""
