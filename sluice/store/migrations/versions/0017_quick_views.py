"""What serves in an environment and what its scan found, without reading every move and every scan.

The planner orders at most eight tables at once and takes the rest as they stand: what is only shown (the number of a
run, the version of a release) is looked up for the rows that are shown, so that a join of two of these views stays
below that.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ENVIRONMENTS = """
CREATE OR REPLACE VIEW v_environments AS
SELECT p.name AS project, e.name AS environment, e.target, e.port, m.to_digest AS release_digest,
       (SELECT rel.version FROM releases rel WHERE rel.project_id = e.project_id AND rel.digest = m.to_digest)
           AS version,
       (SELECT rel.commit_sha FROM releases rel WHERE rel.project_id = e.project_id AND rel.digest = m.to_digest)
           AS commit_sha,
       m.ended_at AS since, l.holder_run_id AS locked_by_run, l.purpose AS locked_for, l.acquired_at AS locked_since,
       l.lease_until, l.fence
FROM environments e
JOIN projects p ON p.id = e.project_id
LEFT JOIN LATERAL (
    SELECT v.to_digest, v.ended_at FROM v_moves v
    WHERE v.environment_id = e.id AND v.state = 'serving' ORDER BY v.number DESC LIMIT 1
) m ON true
LEFT JOIN environment_locks l ON l.environment_id = e.id AND l.lease_until > clock_timestamp()
"""
# Every finding has its scan and its project: a left join may be left out where nothing of it is asked for.
FINDINGS = """
CREATE OR REPLACE VIEW v_findings AS
SELECT (SELECT r.number FROM pipeline_runs r WHERE r.id = s.run_id) AS run_number, s.run_id, p.name AS project,
       s.record ->> 'subject_digest' AS release_digest, f.severity, f.kind, f.rule, f.title, f.path, f.line, f.package,
       f.version, f.fixed_version, f.score, f.tools, f.waived, f.blocking, f.fingerprint, f.url, f.found_at
FROM findings f
LEFT JOIN stage_runs s ON s.id = f.stage_run_id AND s.stage = 'scan'
LEFT JOIN projects p ON p.id = f.project_id
"""


def upgrade() -> None:
    op.execute(ENVIRONMENTS)
    op.execute(FINDINGS)
