"""Deploys and rollbacks: a row before anything is done, a row a step, and the truth at the end."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from sluice.errors import SluiceError
from sluice.records.build import Release
from sluice.records.deploy import Step
from sluice.store.engine import asking, retry_database
from sluice.store.environments import environment_id, find_environment
from sluice.store.leases import LeaseLostError, clock
from sluice.store.locks import Fenced, confirm
from sluice.store.projects import known_run, project_id
from sluice.store.releases import register_release
from sluice.store.tables.deployments import Deployment, DeploymentStep, Rollback
from sluice.store.tables.environments import Environment
from sluice.store.texts import storable_text

STARTED = "started"
Move = type[Deployment] | type[Rollback]


class Moves:
    """Writes the journal. Every write carries the fence of the lock and is refused when the lock was lost."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def begin_deployment(
        self,
        lease: Fenced,
        run_id: str,
        project: str,
        environment: str,
        release: Release,
        previous: Release | None,
        target: str = "process",
    ) -> str:
        """Open a deployment and return its id; the release becomes known. Rollbacks left open are `interrupted`."""
        made = str(uuid4())

        def write(connection: Connection, place: int, owner: int) -> None:
            register_release(connection, owner, release)
            row = insert(Deployment).values(
                id=made,
                run_id=known_run(run_id),
                project_id=owner,
                environment_id=place,
                target=target,
                release_digest=release.digest,
                previous_digest=previous.digest if previous else None,
                fence=lease.fence,
            )
            connection.execute(row.on_conflict_do_nothing(index_elements=["id"]))

        self._begin(lease, project, environment, target, write)
        return made

    def begin_rollback(
        self,
        lease: Fenced,
        run_id: str,
        project: str,
        environment: str,
        bad: Release | None,
        to: Release | None,
        reason: str,
        target: str = "process",
    ) -> str:
        """Open a rollback from `bad` to `to` and return its id."""
        made = str(uuid4())

        def write(connection: Connection, place: int, owner: int) -> None:
            for release in filter(None, (bad, to)):
                register_release(connection, owner, release)
            row = insert(Rollback).values(
                id=made,
                run_id=known_run(run_id),
                project_id=owner,
                environment_id=place,
                deployment_id=_newest_of(place, bad.digest if bad else None),
                target=target,
                from_digest=bad.digest if bad else None,
                to_digest=to.digest if to else None,
                reason=storable_text(reason),
                fence=lease.fence,
            )
            connection.execute(row.on_conflict_do_nothing(index_elements=["id"]))

        self._begin(lease, project, environment, target, write)
        return made

    @retry_database
    def _begin(
        self, lease: Fenced, project: str, environment: str, target: str, write: Callable[[Connection, int, int], None]
    ) -> None:
        with self.engine.begin() as connection:
            write(connection, *_enter(connection, lease, project, environment, target))

    def step(self, lease: Fenced, deployment_id: str, step: Step) -> None:
        """Write a step: `started` before its effect, then `done`, `failed` or `skipped`. The database has the clock.

        Raises:
            LeaseLostError: the lock was lost, or somebody has settled the deployment.
        """
        self._step(Deployment, lease, deployment_id, step)

    def rollback_step(self, lease: Fenced, rollback_id: str, step: Step) -> None:
        """Write a step of a rollback, as :meth:`step` does for a deployment."""
        self._step(Rollback, lease, rollback_id, step)

    def finish_deployment(self, lease: Fenced, deployment_id: str, state: str, detail: str = "") -> None:
        """Close a deployment: `serving`, `failed`, `interrupted`. Closing it again in the same way changes nothing.

        Raises:
            LeaseLostError: the lock was lost.
        """
        self._finish(Deployment, lease, deployment_id, state, detail=storable_text(detail))

    def finish_rollback(
        self,
        lease: Fenced,
        rollback_id: str,
        state: str,
        detail: str = "",
        validated: bool = False,
        seconds_to_restore: float | None = None,
    ) -> None:
        """Close a rollback: `serving`, `failed`, `interrupted`; `validated`: the old release was seen to answer."""
        proof = {"validated": validated, "seconds_to_restore": seconds_to_restore}
        self._finish(Rollback, lease, rollback_id, state, detail=storable_text(detail), **proof)

    @retry_database
    def mark_smoke(self, deployment_id: str, passed: bool) -> None:
        """Keep the verdict of the smoke test with the deployment."""
        with self.engine.begin() as connection:
            mark_smoke(connection, deployment_id, passed)

    @retry_database
    def open_deployments(self, project: str, environment: str) -> tuple[str, ...]:
        """Return the ids of deployments that were begun here and never finished, oldest first."""
        return self._open(Deployment, project, environment)

    @retry_database
    def open_rollbacks(self, project: str, environment: str) -> tuple[str, ...]:
        """Return the ids of rollbacks that were begun here and never finished, oldest first."""
        return self._open(Rollback, project, environment)

    def _open(self, kind: Move, project: str, environment: str) -> tuple[str, ...]:
        with asking(self.engine) as connection:
            place = find_environment(connection, project, environment)
            query = select(kind.id).where(kind.environment_id == place, kind.state == STARTED).order_by(kind.number)
            return tuple(connection.scalars(query))

    @retry_database
    def _step(self, kind: Move, lease: Fenced, move_id: str, step: Step) -> None:
        owner = "deployment_id" if kind is Deployment else "rollback_id"
        ended = None if step.status == STARTED else clock()
        with self.engine.begin() as connection:
            confirm_open(connection, kind, move_id, lease)
            row = insert(DeploymentStep).values(
                {owner: move_id, "ordinal": step.ordinal, "name": step.name, "status": step.status}
                | {"detail": storable_text(step.detail), "ended_at": ended}
            )
            written = row.on_conflict_do_update(
                index_elements=[owner, "ordinal"],
                set_={
                    "status": row.excluded.status,
                    "detail": row.excluded.detail,
                    "ended_at": func.greatest(DeploymentStep.started_at, row.excluded.ended_at)
                    if ended is not None
                    else None,
                },
                where=DeploymentStep.status.in_((STARTED, step.status)),
            )
            if connection.scalar(written.returning(DeploymentStep.id)) is None:
                raise LeaseLostError(f"step {step.name} was settled by somebody else")

    @retry_database
    def _finish(self, kind: Move, lease: Fenced, move_id: str, state: str, **values: object) -> None:
        with self.engine.begin() as connection:
            place, now = _move(connection, kind, move_id)
            confirm(connection, place, lease)
            if now == state:
                return
            if now != STARTED:
                raise SluiceError(f"it has already ended as {now}", code="MOVE_ENDED", where=move_id, found=state)
            ended = {"state": state, "ended_at": func.greatest(kind.started_at, clock()), **values}
            connection.execute(update(kind).where(kind.id == move_id).values(ended))
            _interrupt_steps(connection, kind, kind.id == move_id)


def mark_smoke(connection: Connection, deployment_id: str, passed: bool) -> None:
    """Keep the verdict of the smoke test with the deployment, in this transaction."""
    connection.execute(update(Deployment).where(Deployment.id == deployment_id).values(smoke_passed=passed))


def _enter(connection: Connection, lease: Fenced, project: str, environment: str, target: str) -> tuple[int, int]:
    """Confirm the lock, close what an earlier holder left open in rollbacks; return environment and project."""
    place = environment_id(connection, project, environment)
    confirm(connection, place, lease)
    connection.execute(update(Environment).where(Environment.id == place).values(target=target))
    left = (Rollback.environment_id == place) & (Rollback.state == STARTED) & (Rollback.fence < lease.fence)
    _interrupt_steps(connection, Rollback, left)
    ended = {"state": "interrupted", "ended_at": func.greatest(Rollback.started_at, clock())}
    connection.execute(update(Rollback).where(left).values(ended))
    return place, project_id(connection, project)


def _interrupt_steps(connection: Connection, kind: Move, which: ColumnElement[bool]) -> None:
    owner = DeploymentStep.deployment_id if kind is Deployment else DeploymentStep.rollback_id
    open_steps = update(DeploymentStep).where(owner.in_(select(kind.id).where(which)), DeploymentStep.status == STARTED)
    ended = func.greatest(DeploymentStep.started_at, clock())
    connection.execute(open_steps.values(status="interrupted", ended_at=ended))


def _newest_of(place: int, digest: str | None) -> ColumnElement[str | None]:
    return (
        select(Deployment.id)
        .where(Deployment.environment_id == place, Deployment.release_digest == literal(digest))
        .order_by(Deployment.number.desc())
        .limit(1)
        .scalar_subquery()
    )


def _move(connection: Connection, kind: Move, move_id: str) -> tuple[int, str]:
    """Return environment and state of a deployment or rollback; nobody else changes it before we are done."""
    row = connection.execute(
        select(kind.environment_id, kind.state).where(kind.id == move_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise SluiceError("it was never begun", code="MOVE_UNKNOWN", where=move_id)
    return row.environment_id, row.state


def confirm_open(connection: Connection, kind: Move, move_id: str, lease: Fenced) -> None:
    """Refuse to write about a move that somebody else has settled, or under a lock that was lost."""
    place, state = _move(connection, kind, move_id)
    confirm(connection, place, lease)
    if state != STARTED:
        raise LeaseLostError(f"{kind.__name__.lower()} {move_id[:8]} was settled as {state} by somebody else")
