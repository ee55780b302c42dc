"""A test that only passed when it was run again is flaky, and in no count of what passed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

STATUSES = "status IN ('passed', 'flaky', 'failed', 'error', 'skipped', 'xfailed', 'xpassed')"
SUM = "passed_tests + flaky_tests + failed_tests + error_tests + skipped_tests + xfailed_tests + xpassed_tests"
CHECKS = (
    ("test_results", "status", STATUSES),
    ("test_executions", "counts_add_up", f"{SUM} = total_tests"),
    ("test_weeks", "counts_add_up", "cases = passed + flaky + red + skipped"),
)

# As in 0014, with the flaky ones.
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
           max(t.duration), count(*) FILTER (WHERE t.status = 'flaky')
    FROM mine JOIN test_results t ON t.execution_id = mine.id AND t.start_time = mine.start_time
    GROUP BY mine.project_id, mine.branch, mine.week, t.test_id
$$
"""
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
        (project_id, branch, week, test_id, cases, passed, red, skipped, timed, seconds, slowest, flaky)
    SELECT project_id, branch, week, test_id, cases, passed, red, skipped, timed, seconds, slowest, flaky
    FROM sluice_weeks_of(picked)
    ON CONFLICT (project_id, branch, week, test_id) DO UPDATE SET
        cases = known.cases + excluded.cases, passed = known.passed + excluded.passed,
        red = known.red + excluded.red, skipped = known.skipped + excluded.skipped,
        timed = known.timed + excluded.timed, seconds = known.seconds + excluded.seconds,
        slowest = greatest(known.slowest, excluded.slowest), flaky = known.flaky + excluded.flaky;
    UPDATE test_executions SET rolled_up = true WHERE id = ANY(picked);
    RETURN cardinality(picked);
END $$
"""

# As in 0002 and 0011, with one column more.
VIEWS = (
    """
CREATE OR REPLACE VIEW v_executions AS
SELECT r.number AS run_number, s.run_id, p.name AS project, r.commit_sha, e.framework_name, e.cell, e.shard,
       e.status, e.total_tests, e.passed_tests, e.failed_tests, e.error_tests, e.skipped_tests,
       e.xfailed_tests, e.xpassed_tests, e.execution_time, e.cpu_seconds, e.peak_memory_bytes,
       e.lines_covered::double precision / nullif(e.lines_valid, 0) AS line_rate,
       e.branches_covered::double precision / nullif(e.branches_valid, 0) AS branch_rate,
       e.start_time, e.end_time, e.id AS execution_id, e.flaky_tests
FROM test_executions e
JOIN stage_runs s ON s.id = e.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = e.project_id
""",
    """
CREATE OR REPLACE VIEW v_test_weeks AS
SELECT p.name AS project, w.branch, w.week, w.test_id, w.cases, w.passed, w.red, w.skipped, w.timed, w.seconds,
       w.slowest, w.flaky
FROM test_weeks w
JOIN projects p ON p.id = w.project_id
UNION ALL
SELECT p.name, w.branch, w.week, w.test_id, w.cases, w.passed, w.red, w.skipped, w.timed, w.seconds, w.slowest, w.flaky
FROM sluice_weeks_of(ARRAY(SELECT id FROM test_executions WHERE NOT rolled_up)) w
JOIN projects p ON p.id = w.project_id
""",
)


def upgrade() -> None:
    tests = "Cases that only passed when they were run again."
    op.add_column(
        "test_executions", sa.Column("flaky_tests", sa.BigInteger(), server_default="0", nullable=False, comment=tests)
    )
    weeks = "Of them green only when they were run again."
    op.add_column("test_weeks", sa.Column("flaky", sa.BigInteger(), server_default="0", nullable=False, comment=weeks))
    statuses = "passed, flaky (only when it was run again), failed, error, skipped, xfailed or xpassed."
    op.alter_column("test_results", "status", comment=statuses)
    for table, name, check in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, check)
    op.create_check_constraint(op.f("ck_test_executions_flaky_tests"), "test_executions", "flaky_tests >= 0")
    op.create_check_constraint(op.f("ck_test_weeks_flaky"), "test_weeks", "flaky >= 0")
    op.create_index(
        "ix_test_results_flaky", "test_results", ["start_time"], postgresql_where=sa.text("status = 'flaky'")
    )
    for statement in (WEEKS_OF, ROLL_UP, *VIEWS):
        op.execute(statement)
