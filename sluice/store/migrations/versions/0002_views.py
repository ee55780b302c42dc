"""The views for people, and the role that may read everything and write nothing."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIEWS = {
    "v_runs": (
        "Runs with their project, how long they took, and why they ended.",
        """
        SELECT r.number, r.id AS run_id, p.name AS project, r.kind, r.state, r.exit_code, r.reason,
               coalesce(r.ref_name, r.requested_ref) AS ref, r.ref_kind, r.commit_sha, c.subject, r.trigger,
               r.requested_by, r.created_at, r.started_at, r.ended_at,
               extract(epoch FROM coalesce(r.ended_at, clock_timestamp()) - r.started_at)::double precision AS seconds
        FROM pipeline_runs r
        JOIN projects p ON p.id = r.project_id
        LEFT JOIN commits c ON c.project_id = r.project_id AND c.sha = r.commit_sha
        """,
    ),
    "v_stages": (
        "Stages of runs, where their seconds went, and which run a reused result comes from.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, s.ordinal, s.stage, s.state, s.headline, s.reason,
               extract(epoch FROM coalesce(s.ended_at, clock_timestamp()) - s.started_at)::double precision AS seconds,
               s.tool_seconds, s.boundary_seconds, s.rows_seconds, made.run_id AS reused_from_run, s.key, s.key_parts,
               s.attempts, s.started_at, s.ended_at, s.id AS stage_run_id
        FROM stage_runs s
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = r.project_id
        LEFT JOIN stage_runs made ON made.id = s.reused_from
        """,
    ),
    "v_checks": (
        "What each boundary expected and observed.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, s.stage, q.ordinal, q.code, q.name, q.severity,
               q.status, q.expected, q.observed, q.message, q.next_step, s.ended_at AS checked_at
        FROM quality_checks q
        JOIN stage_runs s ON s.id = q.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = r.project_id
        """,
    ),
    "v_quarantine": (
        "Records that a boundary rejected, and the checks that stopped them.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, s.stage, q.codes, s.reason, q.record, q.created_at
        FROM quarantine q
        JOIN stage_runs s ON s.id = q.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = r.project_id
        """,
    ),
    "v_executions": (
        "Test executions with their counts and coverage.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, r.commit_sha, e.framework_name, e.cell, e.shard,
               e.status, e.total_tests, e.passed_tests, e.failed_tests, e.error_tests, e.skipped_tests,
               e.xfailed_tests, e.xpassed_tests, e.execution_time, e.cpu_seconds, e.peak_memory_bytes,
               e.lines_covered::double precision / nullif(e.lines_valid, 0) AS line_rate,
               e.branches_covered::double precision / nullif(e.branches_valid, 0) AS branch_rate,
               e.start_time, e.end_time, e.id AS execution_id
        FROM test_executions e
        JOIN stage_runs s ON s.id = e.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = e.project_id
        """,
    ),
    "v_tests": (
        "Test cases with the run and the commit that they belong to.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, r.commit_sha, r.ref_name, e.framework_name, e.cell,
               t.test_id, t.status, t.duration, t.message, t.detail, t.file, t.line, t.start_time, t.execution_id
        FROM test_results t
        JOIN test_executions e ON e.id = t.execution_id
        JOIN stage_runs s ON s.id = e.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = e.project_id
        """,
    ),
    "v_findings": (
        "Findings of scans with the release that was scanned.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, s.record ->> 'subject_digest' AS release_digest,
               f.severity, f.kind, f.rule, f.title, f.path, f.line, f.package, f.version, f.fixed_version, f.score,
               f.tools, f.waived, f.blocking, f.fingerprint, f.url, f.found_at
        FROM findings f
        JOIN stage_runs s ON s.id = f.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = f.project_id
        """,
    ),
    "v_moves": (
        "Deploys and rollbacks in the order in which they were begun.",
        """
        SELECT 'deploy' AS move, d.number, d.id, d.run_id, d.project_id, d.environment_id, d.target,
               d.previous_digest AS from_digest, d.release_digest AS to_digest, d.state, d.smoke_passed AS proven,
               d.detail, d.started_at, d.ended_at
        FROM deployments d
        UNION ALL
        SELECT 'rollback', b.number, b.id, b.run_id, b.project_id, b.environment_id, b.target,
               b.from_digest, b.to_digest, b.state, b.validated,
               concat_ws(': ', nullif(b.reason, ''), nullif(b.detail, '')), b.started_at, b.ended_at
        FROM rollbacks b
        """,
    ),
    "v_deployments": (
        "Deploys and rollbacks with their environment and release, and which of them serves now.",
        """
        SELECT m.number, m.move, p.name AS project, e.name AS environment, e.port, m.target, m.state, m.proven,
               m.from_digest, m.to_digest, rel.version, rel.commit_sha,
               m.state = 'serving' AND NOT EXISTS (
                   SELECT FROM v_moves later
                   WHERE later.environment_id = m.environment_id AND later.state = 'serving' AND later.number > m.number
               ) AS serves_now,
               f.reason AS fenced_because, m.detail, m.started_at, m.ended_at,
               extract(epoch FROM m.ended_at - m.started_at)::double precision AS seconds, m.run_id, m.id
        FROM v_moves m
        JOIN projects p ON p.id = m.project_id
        JOIN environments e ON e.id = m.environment_id
        LEFT JOIN releases rel ON rel.project_id = m.project_id AND rel.digest = m.to_digest
        LEFT JOIN release_fences f
          ON f.environment_id = m.environment_id AND f.release_digest = m.to_digest AND f.lifted_at IS NULL
        """,
    ),
    "v_environments": (
        "What the journal says serves in each environment, and who holds its lock.",
        """
        SELECT p.name AS project, e.name AS environment, e.target, e.port, d.to_digest AS release_digest, d.version,
               d.commit_sha, d.ended_at AS since, l.holder_run_id AS locked_by_run, l.purpose AS locked_for,
               l.acquired_at AS locked_since, l.lease_until, l.fence
        FROM environments e
        JOIN projects p ON p.id = e.project_id
        LEFT JOIN v_deployments d ON d.project = p.name AND d.environment = e.name AND d.serves_now
        LEFT JOIN environment_locks l ON l.environment_id = e.id AND l.lease_until > clock_timestamp()
        """,
    ),
    "v_lineage": (
        "What follows from what, from the commit to the rollback.",
        """
        SELECT p.name AS project, l.from_kind, l.from_id, l.relation, l.to_kind, l.to_id, s.run_id, l.created_at
        FROM lineage_edges l
        JOIN projects p ON p.id = l.project_id
        JOIN stage_runs s ON s.id = l.stage_run_id
        """,
    ),
    "v_metrics": (
        "Figures of accepted stages beside what is usual on their branch.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, f.branch, f.stage, m.metric, m.value, m.unit,
               b.samples, b.mean AS usual, sqrt(b.squares / nullif(b.samples - 1, 0)) AS deviation, f.recorded_at
        FROM performance_metrics m
        JOIN performance_runs f ON f.stage_run_id = m.stage_run_id
        JOIN stage_runs s ON s.id = m.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = f.project_id
        LEFT JOIN baselines b ON b.project_id = f.project_id AND b.branch = f.branch AND b.metric = m.metric
        """,
    ),
}

# A role belongs to the whole server: another database may have made it a moment ago, and where we may not make roles
# the views are there all the same.
READER = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_reader') THEN
        BEGIN
            CREATE ROLE sluice_reader NOLOGIN;
            COMMENT ON ROLE sluice_reader IS 'Reads all tables and views of Sluice; grant it to who only looks.';
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'role sluice_reader was not made: the user of this database may not make roles';
                RETURN;
        END;
    END IF;
    GRANT USAGE ON SCHEMA public TO sluice_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO sluice_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO sluice_reader;
END $$
"""


def upgrade() -> None:
    for name, (comment, query) in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")
        op.execute(f"COMMENT ON VIEW {name} IS '{comment}'")
    op.execute(READER)
