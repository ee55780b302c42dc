"""Releases: registered once, told by digest, fenced where they were bad."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects.postgresql import insert

from sluice.errors import UsageError
from sluice.records.build import Release as ReleaseRecord
from sluice.store.audit import record_event
from sluice.store.engine import asking, retry_database
from sluice.store.environments import environment_id, find_environment
from sluice.store.leases import clock
from sluice.store.locks import Fenced, confirm
from sluice.store.projects import known_run, project_id
from sluice.store.tables.environments import Environment, EnvironmentLock, ReleaseFence
from sluice.store.tables.releases import Release
from sluice.store.tables.runs import Project
from sluice.store.texts import storable_text


@dataclass(frozen=True)
class FenceInfo:
    """Why a release must not come back to an environment, since when, by which run."""

    digest: str
    reason: str
    since: datetime
    run_id: str | None
    project: str = ""
    environment: str = ""


def register_release(
    connection: Connection, project: int, release: ReleaseRecord, stage_run_id: str | None = None, size: int = 0
) -> None:
    """Make the release known to project number `project`; known ones stay as they are."""
    row = insert(Release).values(
        project_id=project,
        digest=release.digest,
        kind=release.kind,
        version=release.version,
        commit_sha=release.commit,
        size=size or release.artifact.size,
        record=release.model_dump(mode="json"),
        stage_run_id=stage_run_id,
    )
    connection.execute(row.on_conflict_do_nothing(index_elements=["project_id", "digest"]))


class Releases:
    """Releases of projects, and where they are fenced."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @retry_database
    def release(self, project: str, digest: str) -> ReleaseRecord | None:
        """Return the release whose digest is, or begins with, `digest`; `sha256:` may be left out.

        Raises:
            UsageError: `RELEASE_UNCLEAR`: several begin so.
        """
        beginning = digest if digest.startswith("sha256:") else f"sha256:{digest}"
        query = (
            select(Release.record)
            .join(Project)
            .where(Project.name == project, Release.digest.startswith(beginning, autoescape=True))
            .limit(2)
        )
        with asking(self.engine) as connection:
            found = connection.scalars(query).all()
        if len(found) > 1:
            raise UsageError(
                "several releases begin so", code="RELEASE_UNCLEAR", found=digest, next_step="Give more of the digest."
            )
        return ReleaseRecord.model_validate(found[0]) if found else None

    @retry_database
    def fence(self, lease: Fenced, project: str, environment: str, release: ReleaseRecord, reason: str) -> None:
        """Forbid the release in the environment from now on, until :meth:`unfence`."""
        with self.engine.begin() as connection:
            place = environment_id(connection, project, environment)
            confirm(connection, place, lease)
            owner = project_id(connection, project)
            register_release(connection, owner, release)
            run = connection.scalar(
                select(EnvironmentLock.holder_run_id).where(EnvironmentLock.environment_id == place)
            )
            row = insert(ReleaseFence).values(
                environment_id=place,
                release_digest=release.digest,
                project_id=owner,
                reason=storable_text(reason),
                run_id=known_run(run),
            )
            renewed = {"reason": row.excluded.reason, "run_id": row.excluded.run_id, "fenced_at": clock()}
            stands = row.on_conflict_do_update(
                index_elements=["environment_id", "release_digest"],
                set_={**renewed, "lifted_at": None, "lifted_by": ""},
                where=ReleaseFence.lifted_at.is_not(None),
            )
            if connection.scalar(stands.returning(ReleaseFence.environment_id)) is None:
                return
            detail = {"environment": environment, "reason": storable_text(reason)}
            record_event(connection, f"run {run}", "fence", "release", release.digest, **detail)

    def fenced(self, project: str, environment: str, digest: str) -> str | None:
        """Return why the release is fenced here; None when it is not."""
        info = self.fence_info(project, environment, digest)
        return info.reason if info else None

    @retry_database
    def fence_info(self, project: str, environment: str, digest: str) -> FenceInfo | None:
        """Return the fence that stands against the release here; None when there is none."""
        columns = (ReleaseFence.release_digest, ReleaseFence.reason, ReleaseFence.fenced_at, ReleaseFence.run_id)
        query = (
            select(*columns)
            .join(Environment, Environment.id == ReleaseFence.environment_id)
            .join(Project, Project.id == Environment.project_id)
            .where(Project.name == project, Environment.name == environment)
            .where(ReleaseFence.release_digest == digest, ReleaseFence.lifted_at.is_(None))
        )
        with asking(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        return FenceInfo(row.release_digest, row.reason, row.fenced_at, row.run_id) if row else None

    @retry_database
    def fences(self, project: str | None = None, environment: str | None = None) -> tuple[FenceInfo, ...]:
        """Return the fences that stand, newest first; of one project or environment when it is named."""
        columns = (ReleaseFence.release_digest, ReleaseFence.reason, ReleaseFence.fenced_at, ReleaseFence.run_id)
        query = (
            select(*columns, Project.name, Environment.name.label("environment"))
            .join(Environment, Environment.id == ReleaseFence.environment_id)
            .join(Project, Project.id == Environment.project_id)
            .where(ReleaseFence.lifted_at.is_(None))
            .order_by(ReleaseFence.fenced_at.desc())
        )
        query = query.where(Project.name == project) if project is not None else query
        query = query.where(Environment.name == environment) if environment is not None else query
        with asking(self.engine) as connection:
            return tuple(FenceInfo(*row) for row in connection.execute(query))

    @retry_database
    def unfence(self, project: str, environment: str, digest: str, by: str, reason: str = "") -> bool:
        """Lift the fence; return False when there was none. Who, when and why goes into the audit trail."""
        with self.engine.begin() as connection:
            place = find_environment(connection, project, environment)
            standing = update(ReleaseFence).where(
                ReleaseFence.environment_id == place,
                ReleaseFence.release_digest == digest,
                ReleaseFence.lifted_at.is_(None),
            )
            lifted = connection.execute(standing.values(lifted_at=clock(), lifted_by=by)).rowcount > 0
            if lifted:
                detail = {"environment": environment, "project": project, "reason": storable_text(reason)}
                record_event(connection, by, "unfence", "release", digest, **detail)
        return lifted
