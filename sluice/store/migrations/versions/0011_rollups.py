"""Test results by week: what stays when their months are dropped, and what makes questions over a year quick."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# One at a time, and never inside of an ingest: writers of the same tests would wait for one another.
ROLL_UP = """
CREATE FUNCTION sluice_roll_up(at_once bigint) RETURNS integer LANGUAGE plpgsql AS $$
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
    ORDER BY project_id, branch, week, test_id
    ON CONFLICT (project_id, branch, week, test_id) DO UPDATE SET
        cases = known.cases + excluded.cases, passed = known.passed + excluded.passed,
        red = known.red + excluded.red, skipped = known.skipped + excluded.skipped,
        timed = known.timed + excluded.timed, seconds = known.seconds + excluded.seconds,
        slowest = greatest(known.slowest, excluded.slowest);
    UPDATE test_executions SET rolled_up = true WHERE id = ANY(picked);
    RETURN cardinality(picked);
END $$
"""

WEEKS_OF = """
CREATE FUNCTION sluice_weeks_of(executions uuid[]) RETURNS SETOF test_weeks LANGUAGE sql STABLE AS $$
    SELECT e.project_id, coalesce(r.ref_name, r.requested_ref), date_trunc('week', e.start_time, 'UTC')::date,
           t.test_id, count(*), count(*) FILTER (WHERE t.status IN ('passed', 'xfailed')),
           count(*) FILTER (WHERE t.status IN ('failed', 'error', 'xpassed')),
           count(*) FILTER (WHERE t.status = 'skipped'), count(t.duration), coalesce(sum(t.duration), 0),
           max(t.duration)
    FROM test_executions e
    JOIN stage_runs s ON s.id = e.stage_run_id
    JOIN pipeline_runs r ON r.id = s.run_id
    JOIN test_results t ON t.execution_id = e.id AND t.start_time = e.start_time
    WHERE e.id = ANY(executions)
    GROUP BY 1, 2, 3, 4
$$
"""

# As in 0007, and what is not rolled up yet is not dropped: that passes (lock_not_available is tried again).
DROP_MONTH = """
CREATE OR REPLACE FUNCTION sluice_drop_month(old text, before timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    month v_months%ROWTYPE;
    deleted bigint;
BEGIN
    SELECT * INTO STRICT month FROM v_months WHERE partition = old;
    IF month.table_name = 'test_results' AND EXISTS (
        SELECT FROM test_executions WHERE NOT rolled_up AND start_time < coalesce(month.until, before)
    ) THEN
        RAISE EXCEPTION '% holds results that are not rolled up yet', old USING ERRCODE = 'lock_not_available';
    END IF;
    IF month.until <= before THEN
        EXECUTE format('DROP TABLE %I', old);
        RETURN month.bytes;
    ELSIF month.until IS NULL THEN
        EXECUTE format('DELETE FROM %I WHERE %I < %L', old,
            substring(pg_get_partkeydef(month.table_name::regclass) FROM '\\((.*)\\)'), before);
        GET DIAGNOSTICS deleted = ROW_COUNT;
        RETURN deleted;
    END IF;
    RAISE EXCEPTION '% holds rows that are not older than %', old, before;
END $$
"""

VIEWS = {
    "v_test_weeks": (
        "Tests by branch and week (its Monday): rolled up, and up to date all the same. A test may have two rows a week.",
        """
        SELECT p.name AS project, w.branch, w.week, w.test_id, w.cases, w.passed, w.red, w.skipped, w.timed, w.seconds,
               w.slowest
        FROM test_weeks w
        JOIN projects p ON p.id = w.project_id
        UNION ALL
        SELECT p.name, w.branch, w.week, w.test_id, w.cases, w.passed, w.red, w.skipped, w.timed, w.seconds, w.slowest
        FROM sluice_weeks_of(ARRAY(SELECT id FROM test_executions WHERE NOT rolled_up)) w
        JOIN projects p ON p.id = w.project_id
        """,
    ),
    "v_coverage": (
        "Coverage of each file in each test execution.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, r.commit_sha, r.ref_name, e.cell, c.path,
               c.lines_valid, c.lines_covered, c.lines_covered::double precision / nullif(c.lines_valid, 0) AS line_rate,
               c.branches_valid, c.branches_covered, c.missing_lines, e.start_time, e.id AS execution_id
        FROM coverage_files c
        JOIN test_executions e ON e.id = c.execution_id
        JOIN stage_runs s ON s.id = e.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = e.project_id
        """,
    ),
    "v_commits": (
        "Commits that were checked out.",
        """
        SELECT p.name AS project, c.sha AS commit_sha, c.tree, c.parents, c.author_name, c.author_email, c.authored_at,
               c.committed_at, c.subject, c.seen_at
        FROM commits c
        JOIN projects p ON p.id = c.project_id
        """,
    ),
    "v_changes": (
        "Files that the commit of a run changed.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, r.commit_sha, r.ref_name, f.path, f.change,
               f.old_path, f.additions, f.deletions, s.started_at
        FROM changed_files f
        JOIN stage_runs s ON s.id = f.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = r.project_id
        """,
    ),
    "v_packages": (
        "Packages of scanned releases (SBOM).",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, s.record ->> 'subject_digest' AS release_digest,
               k.name, k.version, k.type, k.purl, k.licences, s.ended_at AS scanned_at
        FROM packages k
        JOIN stage_runs s ON s.id = k.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = r.project_id
        """,
    ),
}
COMMENTS = {
    "FUNCTION sluice_roll_up(bigint)": "Adds executions of about so many cases to test_weeks; returns how many.",
    "FUNCTION sluice_weeks_of(uuid[])": "What executions add to test_weeks.",
}


def upgrade() -> None:
    seconds = "seconds >= 0 AND seconds < 'Infinity'"
    op.create_table(
        "test_weeks",
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("branch", sa.Text(), nullable=False, comment="Branch, tag or commit of the runs."),
        sa.Column("week", sa.Date(), nullable=False, comment="Monday of the week (UTC) in which the executions began."),
        sa.Column("test_id", sa.Text(), nullable=False, comment="Test, as in test_results."),
        sa.Column("cases", sa.BigInteger(), nullable=False, comment="Cases."),
        sa.Column("passed", sa.BigInteger(), nullable=False, comment="Of them green: passed, or failed as expected."),
        sa.Column("red", sa.BigInteger(), nullable=False, comment="Of them red: failed, broken or passed unexpectedly."),
        sa.Column("skipped", sa.BigInteger(), nullable=False, comment="Of them skipped."),
        sa.Column("timed", sa.BigInteger(), nullable=False, comment="Cases with a duration."),
        sa.Column("seconds", sa.Double(), nullable=False, comment="Sum of the durations."),
        sa.Column("slowest", sa.Double(), nullable=True, comment="Longest duration."),
        sa.CheckConstraint("cases = passed + red + skipped", name=op.f("ck_test_weeks_counts_add_up")),
        sa.CheckConstraint("passed >= 0", name=op.f("ck_test_weeks_passed")),
        sa.CheckConstraint("red >= 0", name=op.f("ck_test_weeks_red")),
        sa.CheckConstraint("skipped >= 0", name=op.f("ck_test_weeks_skipped")),
        sa.CheckConstraint("timed BETWEEN 0 AND cases", name=op.f("ck_test_weeks_timed")),
        sa.CheckConstraint(seconds, name=op.f("ck_test_weeks_seconds")),
        sa.CheckConstraint(seconds.replace("seconds", "slowest"), name=op.f("ck_test_weeks_slowest")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_test_weeks_project_id")),
        sa.PrimaryKeyConstraint("project_id", "branch", "week", "test_id", name=op.f("pk_test_weeks")),
        comment="Test results by branch and week: stays when the months of test_results are dropped.",
    )
    op.create_index("ix_test_weeks_test_id", "test_weeks", ["test_id", "week"])
    rolled: sa.Column[bool] = sa.Column(
        "rolled_up",
        sa.Boolean(),
        server_default=sa.text("false"),
        nullable=False,
        comment="Its cases are in test_weeks.",
    )
    op.add_column("test_executions", rolled)
    waiting = sa.text("NOT rolled_up")
    op.create_index("ix_test_executions_waiting", "test_executions", ["start_time"], postgresql_where=waiting)
    red = sa.text("status IN ('failed', 'error')")
    op.create_index("ix_test_results_red", "test_results", ["start_time"], postgresql_where=red)
    op.create_index("ix_coverage_files_path", "coverage_files", ["path"])
    scans = sa.text("stage = 'scan'")
    op.create_index(
        "ix_stage_runs_scanned", "stage_runs", [sa.text("(record ->> 'subject_digest')")], postgresql_where=scans
    )
    op.execute(WEEKS_OF)
    op.execute(ROLL_UP)
    op.execute(DROP_MONTH)
    for name, (comment, query) in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")
        op.execute(f"COMMENT ON VIEW {name} IS '{comment}'")
    for thing, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {thing} IS '{comment}'")
