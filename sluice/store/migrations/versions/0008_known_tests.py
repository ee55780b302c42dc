"""A test has an identity over all runs; results keep what reports say beside the outcome.

Results that were written before have no test: nothing is guessed for them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSONB = postgresql.JSONB(astext_type=sa.Text())
UUID = sa.UUID(as_uuid=False)
VIEWS = {
    "v_known_tests": (
        "Every test of a project with the first and the last run that ran it.",
        """
        SELECT p.name AS project, t.test_id, t.suite, t.file, t.classname, t.name, t.parameters, t.occurrence,
               first.number AS first_seen_run, t.first_seen_run_id, t.first_seen_at,
               last.number AS last_seen_run, last.run_id AS last_seen_run_id,
               coalesce(last.start_time, t.last_seen_on::timestamp AT TIME ZONE 'UTC') AS last_seen_at,
               last.status AS last_status, t.last_seen_on, t.key AS test_key
        FROM tests t
        JOIN projects p ON p.id = t.project_id
        LEFT JOIN pipeline_runs first ON first.id = t.first_seen_run_id
        LEFT JOIN LATERAL (
            SELECT r.start_time, r.status, s.run_id, run.number
            FROM test_results r
            JOIN test_executions e ON e.id = r.execution_id
            JOIN stage_runs s ON s.id = e.stage_run_id
            JOIN pipeline_runs run ON run.id = s.run_id
            WHERE r.test_id = t.test_id AND r.test_key = t.key
              AND r.start_time >= t.last_seen_on::timestamp AT TIME ZONE 'UTC'
            ORDER BY r.start_time DESC, run.number DESC
            LIMIT 1
        ) last ON true
        """,
    ),
    "v_test_attempts": (
        "Each try of tests that were run more than once in one execution.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, t.test_id, a.attempt, a.told ->> 'status' AS status,
               (a.told ->> 'seconds')::double precision AS duration, a.told ->> 'message' AS message,
               a.told ->> 'detail' AS detail, t.status AS final_status, t.start_time, t.execution_id, t.ordinal,
               t.test_key
        FROM test_results t
        CROSS JOIN LATERAL jsonb_array_elements(t.notes -> 'attempts') WITH ORDINALITY AS a (told, attempt)
        JOIN test_executions e ON e.id = t.execution_id
        JOIN stage_runs s ON s.id = e.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = e.project_id
        """,
    ),
    "v_test_notes": (
        "What reports say of test cases beside their outcome: properties, tags, attachments, output.",
        """
        SELECT r.number AS run_number, s.run_id, p.name AS project, t.test_id, t.status, t.notes -> 'properties'
               AS properties, t.notes -> 'tags' AS tags, t.notes -> 'attachments' AS attachments,
               t.notes ->> 'stdout' AS stdout, t.notes ->> 'stderr' AS stderr, t.start_time, t.execution_id, t.ordinal,
               t.test_key
        FROM test_results t
        JOIN test_executions e ON e.id = t.execution_id
        JOIN stage_runs s ON s.id = e.stage_run_id
        JOIN pipeline_runs r ON r.id = s.run_id
        JOIN projects p ON p.id = e.project_id
        WHERE t.notes IS NOT NULL
        """,
    ),
}


def upgrade() -> None:
    op.create_table(
        "tests",
        sa.Column(
            "key", UUID, nullable=False,
            comment="Digest of project, suite, file, class, name with parameters, and occurrence.",
        ),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("test_id", sa.Text(), nullable=False, comment="Class and name, as `classname::name`."),
        sa.Column("suite", sa.Text(), server_default="", nullable=False, comment="Suite in the report."),
        sa.Column("file", sa.Text(), nullable=True, comment="File that the report names."),
        sa.Column("classname", sa.Text(), server_default="", nullable=False, comment="Class, module or package."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name without its parameters."),
        sa.Column(
            "parameters", sa.Text(), server_default="", nullable=False,
            comment="Parameters, as in `name[1-a]` or `Name(1,2)`.",
        ),
        sa.Column(
            "occurrence", sa.BigInteger(), server_default="1", nullable=False,
            comment="1; of tests that are called the same the second is 2.",
        ),
        sa.Column("first_seen_run_id", UUID, nullable=False, comment="Run that ran it first."),
        sa.Column(
            "first_seen_at", sa.DateTime(timezone=True), nullable=False, comment="Start of that run's execution."
        ),
        sa.Column(
            "last_seen_on", sa.Date(), nullable=False,
            comment="Day (UTC) on which it was last run; v_known_tests has the run.",
        ),
        sa.CheckConstraint("occurrence > 0", name=op.f("ck_tests_occurrence")),
        sa.CheckConstraint(
            "last_seen_on >= (first_seen_at AT TIME ZONE 'UTC')::date", name=op.f("ck_tests_last_seen")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_tests_project_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_tests")),
        comment="Tests with the first run that ran them and the day on which they last ran.",
    )
    op.create_index("ix_tests_project_id_test_id", "tests", ["project_id", "test_id"])
    op.add_column(
        "test_results",
        sa.Column("test_key", UUID, nullable=True, comment="The test (tests.key), the same in every run."),
    )
    op.add_column(
        "test_results",
        sa.Column(
            "occurrence", sa.BigInteger(), server_default="1", nullable=False,
            comment="1; of cases with one name in one report the second is 2.",
        ),
    )
    op.add_column(
        "test_results",
        sa.Column(
            "notes", JSONB, nullable=True,
            comment="Attempts, properties, attachments, tags, stdout and stderr, where it has some.",
        ),
    )
    op.create_check_constraint(op.f("ck_test_results_occurrence"), "test_results", "occurrence > 0")
    op.create_check_constraint(op.f("ck_test_results_notes"), "test_results", "jsonb_typeof(notes) = 'object'")
    op.add_column(
        "test_executions",
        sa.Column(
            "properties", JSONB, server_default=sa.text("'{}'"), nullable=False,
            comment="Properties that the report's suites declare.",
        ),
    )
    for name, (comment, query) in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")
        op.execute(f"COMMENT ON VIEW {name} IS '{comment}'")
