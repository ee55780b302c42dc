"""Lineage of a release in one query: from what asked for it to what runs."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A function, because a condition on the digest cannot reach into a recursive view: with LATERAL it is walked for the
# releases that are asked for only. UNION (not ALL) ends where a rollback leads back to a release that was already seen.
LINEAGE_OF = """
CREATE FUNCTION lineage_of(project bigint, digest text)
RETURNS TABLE (from_kind text, from_id text, relation text, to_kind text, to_id text, run_id uuid,
               created_at timestamptz, number bigint)
LANGUAGE sql STABLE AS $$
WITH RECURSIVE
back AS (
    SELECT l.* FROM lineage_edges l WHERE l.project_id = project AND l.to_kind = 'release' AND l.to_id = digest
    UNION SELECT l.* FROM lineage_edges l JOIN back b
    ON l.project_id = b.project_id AND l.to_kind = b.from_kind AND l.to_id = b.from_id AND b.relation <> 'restores'),
forth AS (
    SELECT l.* FROM lineage_edges l WHERE l.project_id = project AND l.from_kind = 'release' AND l.from_id = digest
    UNION SELECT l.* FROM lineage_edges l JOIN forth f
    ON l.project_id = f.project_id AND l.from_kind = f.to_kind AND l.from_id = f.to_id AND f.to_kind <> 'release'),
known AS (
    SELECT e.*, s.run_id FROM (SELECT * FROM back UNION SELECT * FROM forth) e
    JOIN stage_runs s ON s.id = e.stage_run_id),
asked AS (
    SELECT DISTINCT r.id, r.created_at, k.from_kind, k.from_id FROM known k JOIN pipeline_runs r ON r.id = k.run_id
    WHERE k.from_kind = 'commit' AND r.commit_sha = k.from_id
    UNION SELECT r.id, r.created_at, 'rollback', b.id::text FROM known k
    JOIN rollbacks b ON b.id::text IN (k.from_id, k.to_id) AND 'rollback' IN (k.from_kind, k.to_kind)
    JOIN pipeline_runs r ON r.id = b.run_id AND r.kind = 'rollback')
SELECT 'trigger', a.id::text, 'asked_for', a.from_kind, a.from_id, a.id, a.created_at, 0::bigint FROM asked a
UNION ALL
SELECT k.from_kind, k.from_id, k.relation, k.to_kind, k.to_id, k.run_id, k.created_at, k.id FROM known k
$$
"""
VIEW = """
CREATE VIEW v_lineage AS
SELECT p.name AS project, r.digest AS release_digest, l.from_kind, l.from_id, l.relation, l.to_kind, l.to_id, l.run_id,
       l.created_at, l.number
FROM releases r
JOIN projects p ON p.id = r.project_id
CROSS JOIN LATERAL lineage_of(r.project_id, r.digest) l
"""


def upgrade() -> None:
    op.execute("DROP VIEW v_lineage")
    op.execute(LINEAGE_OF)
    op.execute(VIEW)
    op.execute(
        "COMMENT ON VIEW v_lineage IS 'All that a release came from and that came from it: trigger, commit, tests, scan, "
        "deployments, smoke tests, rollbacks; ask for one release_digest.'"
    )
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_reader') THEN "
        "GRANT SELECT ON v_lineage TO sluice_reader; END IF; END $$"
    )
