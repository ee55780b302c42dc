"""Roll-ups by hashing, executions first; findings and packages found by the release that was scanned."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# As in 0011, but each execution's run is looked up once, not once a case.
WEEKS_OF = """
CREATE OR REPLACE FUNCTION sluice_weeks_of(executions uuid[]) RETURNS SETOF test_weeks LANGUAGE sql STABLE AS $$
    WITH mine AS MATERIALIZED (
        SELECT e.id, e.start_time, e.project_id, coalesce(r.ref_name, r.requested_ref) AS branch,
               date_trunc('week', e.start_time, 'UTC')::date AS week
        FROM test_executions e
        JOIN stage_runs s ON s.id = e.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        WHERE e.id = ANY(executions)
    )
    SELECT mine.project_id, mine.branch, mine.week, t.test_id, count(*),
           count(*) FILTER (WHERE t.status IN ('passed', 'xfailed')),
           count(*) FILTER (WHERE t.status IN ('failed', 'error', 'xpassed')),
           count(*) FILTER (WHERE t.status = 'skipped'), count(t.duration), coalesce(sum(t.duration), 0),
           max(t.duration)
    FROM mine JOIN test_results t ON t.execution_id = mine.id AND t.start_time = mine.start_time
    GROUP BY mine.project_id, mine.branch, mine.week, t.test_id
$$
"""

# As in 0011. Its sums are made by hashing: sorting texts costs five times more.
ROLL_UP = """
CREATE OR REPLACE FUNCTION sluice_roll_up(at_once bigint) RETURNS integer LANGUAGE plpgsql
SET work_mem = '128MB' SET enable_sort = off AS $$
DECLARE
    picked uuid[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('sluice_roll_up')) THEN
        RETURN 0;
    END IF;
    SELECT array_agg(id) INTO picked FROM (
        SELECT id, sum(total_tests) OVER (ORDER BY start_time, id) - total_tests AS before
        FROM test_executions WHERE NOT rolled_up
    ) waiting WHERE before < at_once;
    IF picked IS NULL THEN
        RETURN 0;
    END IF;
    INSERT INTO test_weeks AS known
        (project_id, branch, week, test_id, cases, passed, red, skipped, timed, seconds, slowest)
    SELECT project_id, branch, week, test_id, cases, passed, red, skipped, timed, seconds, slowest
    FROM sluice_weeks_of(picked)
    ON CONFLICT (project_id, branch, week, test_id) DO UPDATE SET
        cases = known.cases + excluded.cases, passed = known.passed + excluded.passed,
        red = known.red + excluded.red, skipped = known.skipped + excluded.skipped,
        timed = known.timed + excluded.timed, seconds = known.seconds + excluded.seconds,
        slowest = greatest(known.slowest, excluded.slowest);
    UPDATE test_executions SET rolled_up = true WHERE id = ANY(picked);
    RETURN cardinality(picked);
END $$
"""

# As before; the index on the release that was scanned is of scans only.
FINDINGS = """
CREATE OR REPLACE VIEW v_findings AS
SELECT r.number AS run_number, s.run_id, p.name AS project, s.record ->> 'subject_digest' AS release_digest,
       f.severity, f.kind, f.rule, f.title, f.path, f.line, f.package, f.version, f.fixed_version, f.score,
       f.tools, f.waived, f.blocking, f.fingerprint, f.url, f.found_at
FROM findings f
JOIN stage_runs s ON s.id = f.stage_run_id AND s.stage = 'scan'
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = f.project_id
"""
PACKAGES = """
CREATE OR REPLACE VIEW v_packages AS
SELECT r.number AS run_number, s.run_id, p.name AS project, s.record ->> 'subject_digest' AS release_digest,
       k.name, k.version, k.type, k.purl, k.licences, s.ended_at AS scanned_at
FROM packages k
JOIN stage_runs s ON s.id = k.stage_run_id AND s.stage = 'scan'
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = r.project_id
"""


def upgrade() -> None:
    for statement in (WEEKS_OF, ROLL_UP, FINDINGS, PACKAGES):
        op.execute(statement)

