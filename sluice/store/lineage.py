"""Where a release came from and where it went: the edges, and what is known of each thing that they join."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Engine, text

from sluice.errors import UsageError
from sluice.store.engine import reading
from sluice.store.views import Edge, Thing

EDGES = """
SELECT from_kind, from_id, relation, to_kind, to_id FROM v_lineage
WHERE release_digest = :digest AND (CAST(:project AS text) IS NULL OR project = :project)
ORDER BY number, created_at, from_id
"""
THINGS = """
SELECT 'trigger' AS kind, r.id::text AS id,
       concat_ws(' by ', r.trigger, nullif(r.requested_by, '')) || ', ' || r.state AS words,
       r.created_at AS at, r.id::text AS run_id
FROM pipeline_runs r WHERE r.id::text = ANY(:ids)
UNION ALL
SELECT 'commit', c.sha, c.subject, min(c.committed_at), NULL FROM commits c
WHERE c.sha = ANY(:ids) GROUP BY c.sha, c.subject
UNION ALL
SELECT s.stage, s.id::text, s.headline, s.ended_at, s.run_id::text FROM stage_runs s WHERE s.id::text = ANY(:ids)
UNION ALL
SELECT 'release', r.digest, r.version, min(r.created_at), min(s.run_id::text) FROM releases r
LEFT JOIN stage_runs s ON s.id = r.stage_run_id WHERE r.digest = ANY(:ids) GROUP BY r.digest, r.version
UNION ALL
SELECT 'deployment', d.id::text, e.name || ', ' || d.state, d.started_at, d.run_id::text
FROM deployments d JOIN environments e ON e.id = d.environment_id WHERE d.id::text = ANY(:ids)
UNION ALL
SELECT 'rollback', b.id::text, e.name || ', ' || b.state || ': ' || b.reason, b.started_at, b.run_id::text
FROM rollbacks b JOIN environments e ON e.id = b.environment_id WHERE b.id::text = ANY(:ids)
"""
DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")
KNOWN = """
SELECT r.digest, p.name AS project, r.version, r.commit_sha FROM releases r JOIN projects p ON p.id = r.project_id
WHERE r.digest LIKE :start || '%' AND (CAST(:project AS text) IS NULL OR p.name = :project)
ORDER BY r.number DESC LIMIT 20
"""


def lineage(engine: Engine, digest: str, project: str | None = None) -> tuple[tuple[Edge, ...], tuple[Thing, ...]]:
    """Return everything that a release came from and that came from it, and what is known of each of these things."""
    with reading(engine) as connection:
        found = connection.execute(text(EDGES), {"digest": digest, "project": project}).mappings()
        edges = tuple(Edge(**row) for row in found)
        ids = sorted({each for edge in edges for each in (edge.from_id, edge.to_id)})
        things = connection.execute(text(THINGS), {"ids": ids}).mappings() if ids else ()
        return edges, tuple(Thing(**row) for row in things)


def find_release(engine: Engine, name: str, project: str | None = None) -> str:
    """Return the digest that begins with `name` (with or without `sha256:`, four characters or more).

    Raises:
        UsageError: `RELEASE_UNKNOWN`, or `RELEASE_UNCLEAR` with the candidates.
    """
    start = DIGEST.fullmatch(name.strip().lower())
    found: list[Any] = []
    with reading(engine) as connection:
        if start:
            values = {"start": f"sha256:{start[1]}", "project": project}
            found = list(connection.execute(text(KNOWN), values))
        newest = connection.execute(text(KNOWN), {"start": "sha256:", "project": project}).first()
    digests = dict.fromkeys(row.digest for row in found)
    if len(digests) == 1:
        return str(next(iter(digests)))
    shown = "; ".join(
        f"{row.digest[:23]} ({row.project} {row.version}, commit {row.commit_sha[:10]})" for row in found[:5]
    )
    if found:
        raise UsageError(
            f"{len(found)} releases begin so",
            code="RELEASE_UNCLEAR",
            found=name,
            allowed=shown,
            next_step="Give more of the digest.",
        )
    raise UsageError(
        "there is no such release",
        code="RELEASE_UNKNOWN",
        found=name,
        allowed="a digest, or its first four or more characters",
        next_step=f"The newest is {newest.digest[:23]} ({newest.project})." if newest else "No run has built one yet.",
    )
