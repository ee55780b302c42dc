"""What may not be cleaned away: releases that serve or that a rollback goes to, and the newest accepted results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from sluice.store.engine import asking, retry_database

GOOD_RELEASES = 5  # of each environment: what it serves, and the rollback targets before it

_RELEASES = text("""
    WITH moves AS (
        SELECT environment_id, project_id, release_digest AS digest, number FROM deployments
        WHERE smoke_passed OR state IN ('started', 'serving')
        UNION ALL
        SELECT environment_id, project_id, to_digest, number FROM rollbacks
        WHERE to_digest IS NOT NULL AND (validated OR state IN ('started', 'serving'))
    ), newest AS (
        SELECT m.project_id, m.digest,
               row_number() OVER (PARTITION BY m.environment_id ORDER BY max(m.number) DESC) AS place
        FROM moves m
        LEFT JOIN release_fences f
               ON f.environment_id = m.environment_id AND f.release_digest = m.digest AND f.lifted_at IS NULL
        WHERE f.release_digest IS NULL
        GROUP BY m.environment_id, m.project_id, m.digest
    )
    SELECT DISTINCT r.digest, r.record -> 'artifact' ->> 'sha256' AS sha256
    FROM newest JOIN releases r USING (project_id, digest) WHERE place <= :kept
""")
_RESULTS = text("""
    WITH newest AS (
        SELECT DISTINCT ON (r.project_id, s.stage) coalesce(s.reused_from, s.id) AS id
        FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
        WHERE s.state IN ('passed', 'reused') AND s.key IS NOT NULL
        ORDER BY r.project_id, s.stage, s.number DESC
    )
    SELECT k.produced_by::text AS run, a.sha256
    FROM newest n JOIN stage_keys k ON k.stage_run_id = n.id LEFT JOIN stage_artifacts a ON a.stage_run_id = n.id
""")
_OLDEST = text("SELECT min(created_at) FROM pipeline_runs WHERE state IN ('queued', 'running')")


@dataclass(frozen=True)
class Needed:
    """What stays, whatever its age.

    Attributes:
        releases: digests (`sha256:…`) of what serves and of the rollback targets.
        artifacts: SHA-256 of their bundles, and of the files of each project's newest accepted results.
        producers: ids of the runs that made those results.
        oldest_run: when the oldest run that has not ended was opened; what was used since then stays.
    """

    releases: frozenset[str]
    artifacts: frozenset[str]
    producers: frozenset[str]
    oldest_run: datetime | None


@retry_database
def needed(engine: Engine) -> Needed:
    """Return what a clean-up must leave alone."""
    with asking(engine) as connection:
        releases = connection.execute(_RELEASES, {"kept": GOOD_RELEASES}).all()
        results = connection.execute(_RESULTS).all()
        oldest = connection.scalar(_OLDEST)
    files = {row.sha256 for row in (*releases, *results)} - {None}
    return Needed(
        releases=frozenset(row.digest for row in releases),
        artifacts=frozenset(files),
        producers=frozenset(row.run for row in results),
        oldest_run=oldest,
    )
