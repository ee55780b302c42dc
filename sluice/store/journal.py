"""The journal of deploys: who may act on an environment, what was begun there, what serves, what is fenced."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Engine, Select, Text, column, exists, select, table

from sluice.records.build import Release
from sluice.records.deploy import Step
from sluice.store.approvals import Approvals
from sluice.store.backups import Backups
from sluice.store.canaries import Canaries
from sluice.store.engine import asking, retry_database
from sluice.store.environments import Ports, find_environment
from sluice.store.holders import Holder
from sluice.store.leases import RENEWAL_SECONDS
from sluice.store.locks import EnvironmentLocks, Lease
from sluice.store.moves import Moves
from sluice.store.releases import FenceInfo, Releases
from sluice.store.tables.deployments import DeploymentStep, Rollback
from sluice.store.tables.environments import Environment, ReleaseFence
from sluice.store.tables.releases import Release as ReleaseRow
from sluice.store.unsettled import Unsettled

__all__ = ["FenceInfo", "Holder", "Journal", "Lease"]

MOVES = table(
    "v_moves",
    column("environment_id", BigInteger),
    column("number", BigInteger),
    column("state", Text),
    column("to_digest", Text),
    column("proven", Boolean),
).c


class Journal(EnvironmentLocks, Moves, Releases, Ports, Unsettled, Approvals, Canaries, Backups):
    """All that deploy, rollback and settling read and write; `sluice.stages.deploy_journal` is what they ask for."""

    def __init__(self, engine: Engine, renewal_seconds: float = RENEWAL_SECONDS) -> None:
        super().__init__(engine, renewal_seconds)

    @retry_database
    def current_release(self, project: str, environment: str) -> Release | None:
        """Return what the journal says serves here: where the newest finished deploy or rollback went."""
        query = select(MOVES.to_digest).where(MOVES.state == "serving").order_by(MOVES.number.desc()).limit(1)
        return self._release_of(query, project, environment)

    @retry_database
    def last_good_release(self, project: str, environment: str, besides: str | None = None) -> Release | None:
        """Return the newest release that served here, passed smoke, is not fenced and is not `besides` (a digest)."""
        fenced = exists().where(
            ReleaseFence.environment_id == MOVES.environment_id,
            ReleaseFence.release_digest == MOVES.to_digest,
            ReleaseFence.lifted_at.is_(None),
        )
        query = select(MOVES.to_digest).where(MOVES.state == "serving", MOVES.proven, ~fenced)
        if besides is not None:
            query = query.where(MOVES.to_digest != besides)
        return self._release_of(query.order_by(MOVES.number.desc()).limit(1), project, environment)

    @retry_database
    def smoke_passed(self, project: str, environment: str, digest: str) -> bool:
        """Tell whether the release served here and passed its smoke test, the last time that it was tested."""
        tested = (MOVES.to_digest == digest, MOVES.state == "serving", MOVES.proven.is_not(None))
        with asking(self.engine) as connection:
            place = find_environment(connection, project, environment)
            query = select(MOVES.proven).where(MOVES.environment_id == place, *tested)
            return connection.scalar(query.order_by(MOVES.number.desc()).limit(1)) is True

    @retry_database
    def bad_release(self, rollback_id: str) -> tuple[Release, str] | None:
        """Return the release that a rollback got away from, and why; None when it names none."""
        query = select(Rollback.environment_id, Rollback.from_digest, Rollback.reason)
        with asking(self.engine) as connection:
            row = connection.execute(query.where(Rollback.id == rollback_id)).one()
            if row.from_digest is None:
                return None
            return _release(connection, row.environment_id, row.from_digest), row.reason

    @retry_database
    def steps(self, move_id: str) -> tuple[Step, ...]:
        """Return the steps of a deployment or a rollback that have ended, in order."""
        mine = (DeploymentStep.deployment_id == move_id) | (DeploymentStep.rollback_id == move_id)
        query = select(DeploymentStep.__table__).where(mine, DeploymentStep.ended_at.is_not(None))
        with asking(self.engine) as connection:
            rows = connection.execute(query.order_by(DeploymentStep.ordinal)).mappings().all()
        return tuple(Step(**{name: row[name] for name in Step.model_fields}) for row in rows)

    def _release_of(self, query: Select[Any], project: str, environment: str) -> Release | None:
        with asking(self.engine) as connection:
            place = find_environment(connection, project, environment)
            if place is None:
                return None
            digest = connection.scalar(query.where(MOVES.environment_id == place))
            return _release(connection, place, str(digest)) if digest else None


def _release(connection: Connection, place: int, digest: str) -> Release:
    owner = select(Environment.project_id).where(Environment.id == place).scalar_subquery()
    query = select(ReleaseRow.record).where(ReleaseRow.project_id == owner, ReleaseRow.digest == digest)
    return Release.model_validate(connection.execute(query).scalar_one())
