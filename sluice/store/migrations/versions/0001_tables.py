"""The tables, and the months that the big ones are split into."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Makes the partitions of this month and of the months to come, and the default partition, which takes whatever a wrong
# clock brings. Called by every `sluice up`; nothing at run time changes a table.
MAKE_PARTITIONS = """
CREATE FUNCTION sluice_make_partitions(months integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    child text;
    first timestamptz;
BEGIN
    FOREACH parent IN ARRAY ARRAY['test_results', 'findings'] LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I DEFAULT', parent || '_default', parent);
        FOR month IN 0..months LOOP
            first := date_trunc('month', now(), 'UTC') + make_interval(months => month);
            child := parent || to_char(first AT TIME ZONE 'UTC', '_YYYY_MM');
            IF to_regclass(child) IS NULL THEN
                BEGIN
                    EXECUTE format(
                        'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                        child, parent, first, first + interval '1 month');
                EXCEPTION WHEN check_violation THEN
                    RAISE NOTICE '% stays in the default partition', child;
                END;
            END IF;
        END LOOP;
    END LOOP;
END $$
"""

COMMENT_PARTITIONS = """
COMMENT ON FUNCTION sluice_make_partitions(integer) IS 'Makes the monthly partitions of the big tables, months ahead.'
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE journal_number")
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.Text(), nullable=False, comment="Hex SHA-256 of its bytes."),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Bytes."),
        sa.Column("media_type", sa.Text(), nullable=False, comment="Media type."),
        sa.Column(
            "uri", sa.Text(), nullable=True, comment="Where it lies; empty: in the local artifact store, by its digest."
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When a stage first produced it.",
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_artifacts_sha256")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_artifacts_size")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifacts")),
        comment="Files, named by what they hold.",
    )
    op.create_table(
        "findings",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Scan (stage_runs.id)."),
        sa.Column("fingerprint", sa.Text(), nullable=False, comment="Stable over runs, lines and tools."),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, comment="End of the scan; names the month."),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project (projects.id)."),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="vulnerability, secret, misconfiguration, licence or code."
        ),
        sa.Column("rule", sa.Text(), nullable=False, comment="Rule, CVE or check."),
        sa.Column("severity", sa.Text(), nullable=False, comment="critical, high, medium, low or unknown."),
        sa.Column("title", sa.Text(), nullable=False, comment="What it is."),
        sa.Column("tools", postgresql.ARRAY(sa.Text()), nullable=False, comment="Which tools named it."),
        sa.Column("path", sa.Text(), nullable=True, comment="File."),
        sa.Column("line", sa.BigInteger(), nullable=True, comment="Line."),
        sa.Column("package", sa.Text(), nullable=True, comment="Package."),
        sa.Column("version", sa.Text(), nullable=True, comment="Version of the package."),
        sa.Column("fixed_version", sa.Text(), nullable=True, comment="Version that mends it."),
        sa.Column("score", sa.Double(), nullable=True, comment="CVSS score, 0 to 10."),
        sa.Column("url", sa.Text(), nullable=True, comment="Where to read about it."),
        sa.Column("waived", sa.Boolean(), nullable=False, comment="Accepted in sluice.yaml."),
        sa.Column("blocking", sa.Boolean(), nullable=False, comment="At or above the gate, and not waived."),
        sa.CheckConstraint(
            "kind IN ('vulnerability', 'secret', 'misconfiguration', 'licence', 'code')", name=op.f("ck_findings_kind")
        ),
        sa.CheckConstraint(
            "severity IN ('critical', 'high', 'medium', 'low', 'unknown')", name=op.f("ck_findings_severity")
        ),
        sa.CheckConstraint("NOT (waived AND blocking)", name=op.f("ck_findings_waived_does_not_block")),
        sa.CheckConstraint("line >= 1", name=op.f("ck_findings_line")),
        sa.CheckConstraint("score BETWEEN 0 AND 10", name=op.f("ck_findings_score")),
        sa.PrimaryKeyConstraint("stage_run_id", "fingerprint", "found_at", name=op.f("pk_findings")),
        comment="Findings of scans, merged over the tools, by month.",
        postgresql_partition_by="RANGE (found_at)",
    )
    op.create_index("ix_findings_fingerprint", "findings", ["fingerprint", "found_at"], unique=False)
    op.create_table(
        "projects",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the project."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name as in sluice.yaml, else the repository's."),
        sa.Column(
            "repository",
            sa.Text(),
            nullable=False,
            comment="Path or URL that the newest run named; without credentials.",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When the first run came.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
        comment="Projects: repositories that Sluice takes through the pipeline.",
    )
    op.create_table(
        "test_results",
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False, comment="Execution (test_executions.id)."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order in the report, from 1."),
        sa.Column(
            "start_time", sa.DateTime(timezone=True), nullable=False, comment="Start of the execution; names the month."
        ),
        sa.Column("test_id", sa.Text(), nullable=False, comment="Class and name, as `classname::name`."),
        sa.Column("suite", sa.Text(), server_default="", nullable=False, comment="Suite in the report."),
        sa.Column("file", sa.Text(), nullable=True, comment="File that the report names."),
        sa.Column("line", sa.BigInteger(), nullable=True, comment="Line that the report names."),
        sa.Column("status", sa.Text(), nullable=False, comment="passed, failed, error, skipped, xfailed or xpassed."),
        sa.Column(
            "duration", sa.Double(), nullable=True, comment="Seconds; empty when the report's value was no duration."
        ),
        sa.Column("message", sa.Text(), server_default="", nullable=False, comment="Why it is not green, in short."),
        sa.Column("detail", sa.Text(), server_default="", nullable=False, comment="Traceback or output."),
        sa.CheckConstraint("duration >= 0 AND duration < 'Infinity'", name=op.f("ck_test_results_duration")),
        sa.CheckConstraint(
            "status IN ('passed', 'failed', 'error', 'skipped', 'xfailed', 'xpassed')",
            name=op.f("ck_test_results_status"),
        ),
        sa.CheckConstraint("line >= 0", name=op.f("ck_test_results_line")),
        sa.PrimaryKeyConstraint("execution_id", "ordinal", "start_time", name=op.f("pk_test_results")),
        comment="Cases of test executions, by month.",
        postgresql_partition_by="RANGE (start_time)",
    )
    op.create_index("ix_test_results_test_id", "test_results", ["test_id", "start_time"], unique=False)
    op.create_table(
        "commits",
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("sha", sa.Text(), nullable=False, comment="Full hash."),
        sa.Column("tree", sa.Text(), nullable=False, comment="Hash of its tree: equal trees hold equal files."),
        sa.Column(
            "parents", postgresql.ARRAY(sa.Text()), nullable=False, comment="Hashes of its parents, first parent first."
        ),
        sa.Column("author_name", sa.Text(), nullable=False, comment="Author."),
        sa.Column("author_email", sa.Text(), nullable=False, comment="Author's address."),
        sa.Column(
            "authored_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was written, as the author's clock said.",
        ),
        sa.Column(
            "committed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was committed, as the committer's clock said.",
        ),
        sa.Column("subject", sa.Text(), nullable=False, comment="First line of the message."),
        sa.Column("body", sa.Text(), nullable=False, comment="The rest of the message."),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When a run first checked it out.",
        ),
        sa.CheckConstraint("sha ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'", name=op.f("ck_commits_sha")),
        sa.CheckConstraint("tree ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'", name=op.f("ck_commits_tree")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_commits_project_id")),
        sa.PrimaryKeyConstraint("project_id", "sha", name=op.f("pk_commits")),
        comment="Commits that were checked out.",
    )
    op.create_table(
        "environments",
        sa.Column(
            "id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the environment."
        ),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name as in sluice.yaml."),
        sa.Column(
            "target", sa.Text(), nullable=True, comment="How a release runs there; empty before the first deploy."
        ),
        sa.Column("port", sa.BigInteger(), nullable=True, comment="Port of the environment on 127.0.0.1, chosen once."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it was first named.",
        ),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_environments_port")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_environments_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments")),
        sa.UniqueConstraint("port", name=op.f("uq_environments_port")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_environments_project_id_name")),
        comment="Environments: where releases of a project run.",
    )
    op.create_table(
        "pipeline_runs",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False, comment="Id of the run, made by who asked for it."),
        sa.Column(
            "number",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Order in which runs were opened, whatever the clock said.",
        ),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("kind", sa.Text(), server_default="pipeline", nullable=False, comment="pipeline or rollback."),
        sa.Column(
            "repository", sa.Text(), nullable=False, comment="Path or URL that was asked for; without credentials."
        ),
        sa.Column("requested_ref", sa.Text(), nullable=False, comment="Ref as it was asked for."),
        sa.Column("ref_kind", sa.Text(), nullable=True, comment="What the ref was: branch, tag or commit."),
        sa.Column("ref_name", sa.Text(), nullable=True, comment="Name of the branch or tag, or the commit."),
        sa.Column("commit_sha", sa.Text(), nullable=True, comment="Commit that the ref was resolved to."),
        sa.Column("trigger", sa.Text(), nullable=False, comment="Through what it was asked for."),
        sa.Column("requested_by", sa.Text(), server_default="", nullable=False, comment="Who asked."),
        sa.Column(
            "request",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="The whole request.",
        ),
        sa.Column(
            "config",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The configuration in effect, as read from the commit.",
        ),
        sa.Column(
            "plan",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The stages that this ref goes through, and why.",
        ),
        sa.Column("prefect_flow_run_id", sa.UUID(as_uuid=False), nullable=True, comment="The flow run in Prefect."),
        sa.Column(
            "state",
            sa.Text(),
            server_default="queued",
            nullable=False,
            comment="queued, running, or one of the final states.",
        ),
        sa.Column(
            "reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Code and message of what ended it; empty when it passed.",
        ),
        sa.Column(
            "exit_code", sa.BigInteger(), nullable=True, comment="Exit code of the command line; 0 only when it passed."
        ),
        sa.Column("owner", sa.Text(), server_default="", nullable=False, comment="Host and process that works on it."),
        sa.Column(
            "fence",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Grows with each owner: writes of an earlier owner are refused.",
        ),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The owner is dead when this passes without a renewal.",
        ),
        sa.Column(
            "cancel_requested_at", sa.DateTime(timezone=True), nullable=True, comment="When somebody asked to stop it."
        ),
        sa.Column("cancel_requested_by", sa.Text(), server_default="", nullable=False, comment="Who asked to stop it."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it was opened.",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="When its first owner began."),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="When it reached its final state."),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('queued', 'running'))", name=op.f("ck_pipeline_runs_terminal_has_end")
        ),
        sa.CheckConstraint("(exit_code = 0) = (state = 'passed')", name=op.f("ck_pipeline_runs_only_passed_exits_0")),
        sa.CheckConstraint(
            "(exit_code IS NULL) = (state IN ('queued', 'running'))",
            name=op.f("ck_pipeline_runs_terminal_has_exit_code"),
        ),
        sa.CheckConstraint("commit_sha ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'", name=op.f("ck_pipeline_runs_commit_sha")),
        sa.CheckConstraint("kind IN ('pipeline', 'rollback')", name=op.f("ck_pipeline_runs_kind")),
        sa.CheckConstraint("ref_kind IN ('branch', 'tag', 'commit')", name=op.f("ck_pipeline_runs_ref_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'passed', 'failed', 'rejected', 'rolled_back', 'cancelled', 'errored', 'lost')",
            name=op.f("ck_pipeline_runs_state"),
        ),
        sa.CheckConstraint(
            "trigger IN ('cli', 'ui', 'schedule', 'webhook', 'api')", name=op.f("ck_pipeline_runs_trigger")
        ),
        sa.CheckConstraint("ended_at >= created_at", name=op.f("ck_pipeline_runs_ended_at_after_created_at")),
        sa.CheckConstraint("exit_code BETWEEN 0 AND 255", name=op.f("ck_pipeline_runs_exit_code")),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_pipeline_runs_fence")),
        sa.CheckConstraint("started_at >= created_at", name=op.f("ck_pipeline_runs_started_at_after_created_at")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_pipeline_runs_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_runs")),
        sa.UniqueConstraint("number", name=op.f("uq_pipeline_runs_number")),
        comment="Runs: a commit's way through the pipeline, or an ordered rollback.",
    )
    op.create_index(
        "ix_pipeline_runs_open",
        "pipeline_runs",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_index("ix_pipeline_runs_project_id_number", "pipeline_runs", ["project_id", "number"], unique=False)
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the event."),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When.",
        ),
        sa.Column("actor", sa.Text(), nullable=False, comment="Who."),
        sa.Column("action", sa.Text(), nullable=False, comment="What was done."),
        sa.Column("subject_kind", sa.Text(), nullable=False, comment="Kind of what it was done to."),
        sa.Column("subject_id", sa.Text(), nullable=False, comment="Which one."),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=True, comment="In which run."),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="More about it.",
        ),
        sa.ForeignKeyConstraint(["run_id"], ["pipeline_runs.id"], name=op.f("fk_audit_events_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        comment="Who did what: fences, takeovers of locks, lost and cancelled runs. Only ever added to.",
    )
    op.create_index("ix_audit_events_subject", "audit_events", ["subject_kind", "subject_id"], unique=False)
    op.create_table(
        "environment_locks",
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Environment."),
        sa.Column(
            "fence",
            sa.BigInteger(),
            nullable=False,
            comment="Grows with each holder: what an earlier holder writes is refused.",
        ),
        sa.Column(
            "holder_run_id",
            sa.UUID(as_uuid=False),
            nullable=True,
            comment="Run, or settling, that holds it; empty: free.",
        ),
        sa.Column(
            "purpose", sa.Text(), server_default="", nullable=False, comment="For what it is, or was last, held."
        ),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=True, comment="Since when it is held."),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The holder is dead when this passes without a renewal.",
        ),
        sa.CheckConstraint(
            "(holder_run_id IS NULL) = (acquired_at IS NULL)", name=op.f("ck_environment_locks_held_has_start")
        ),
        sa.CheckConstraint(
            "(holder_run_id IS NULL) = (lease_until IS NULL)", name=op.f("ck_environment_locks_held_has_lease")
        ),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_environment_locks_fence")),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_environment_locks_environment_id")
        ),
        sa.PrimaryKeyConstraint("environment_id", name=op.f("pk_environment_locks")),
        comment="Locks: which run may act on an environment, and until when without a renewal.",
    )
    op.create_table(
        "stage_runs",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False, comment="Id of the stage run."),
        sa.Column(
            "number",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Order in which stages began, whatever the clock said.",
        ),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False, comment="Run."),
        sa.Column(
            "stage", sa.Text(), nullable=False, comment="checkout, test, build, scan, deploy, smoke or rollback."
        ),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Place in the order of the stages, from 1."),
        sa.Column(
            "state",
            sa.Text(),
            server_default="pending",
            nullable=False,
            comment="pending, running, or one of the final states.",
        ),
        sa.Column(
            "reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Why it is not green, or why it was skipped.",
        ),
        sa.Column("headline", sa.Text(), server_default="", nullable=False, comment="Its key figures in one line."),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False, comment="How often it was begun."),
        sa.Column(
            "key", sa.Text(), nullable=True, comment="SHA-256 of the declared inputs; empty for what is never reused."
        ),
        sa.Column(
            "key_parts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The inputs behind the key, name to value.",
        ),
        sa.Column(
            "reused_from",
            sa.UUID(as_uuid=False),
            nullable=True,
            comment="The stage run that produced the result which stands here.",
        ),
        sa.Column(
            "record",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="The record as the boundary judged it: the evidence behind the rows.",
        ),
        sa.Column("tool_seconds", sa.Double(), nullable=True, comment="Wall seconds inside outside programs."),
        sa.Column("boundary_seconds", sa.Double(), nullable=True, comment="Seconds of the boundary's checks."),
        sa.Column(
            "rows_seconds", sa.Double(), nullable=True, comment="Seconds of writing its rows, without the commit."
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When the row was made.",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="When it first began."),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="When it reached its final state."),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (state IN ('pending', 'running'))", name=op.f("ck_stage_runs_terminal_has_end")
        ),
        sa.CheckConstraint(
            "(state = 'reused') = (reused_from IS NOT NULL)", name=op.f("ck_stage_runs_reused_has_source")
        ),
        sa.CheckConstraint(
            "boundary_seconds >= 0 AND boundary_seconds < 'Infinity'", name=op.f("ck_stage_runs_boundary_seconds")
        ),
        sa.CheckConstraint("key ~ '^[0-9a-f]{64}$'", name=op.f("ck_stage_runs_key")),
        sa.CheckConstraint("rows_seconds >= 0 AND rows_seconds < 'Infinity'", name=op.f("ck_stage_runs_rows_seconds")),
        sa.CheckConstraint(
            "stage IN ('checkout', 'test', 'build', 'scan', 'deploy', 'smoke', 'rollback')",
            name=op.f("ck_stage_runs_stage"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'passed', 'reused', 'failed', 'rejected', 'skipped', 'cancelled', 'errored', 'lost')",
            name=op.f("ck_stage_runs_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('passed', 'reused') OR record IS NOT NULL", name=op.f("ck_stage_runs_passed_has_record")
        ),
        sa.CheckConstraint("tool_seconds >= 0 AND tool_seconds < 'Infinity'", name=op.f("ck_stage_runs_tool_seconds")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_stage_runs_attempts")),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_stage_runs_ended_at_after_started_at")),
        sa.CheckConstraint("reused_from <> id", name=op.f("ck_stage_runs_not_from_itself")),
        sa.ForeignKeyConstraint(["reused_from"], ["stage_runs.id"], name=op.f("fk_stage_runs_reused_from")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["pipeline_runs.id"], name=op.f("fk_stage_runs_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_runs")),
        sa.UniqueConstraint("number", name=op.f("uq_stage_runs_number")),
        sa.UniqueConstraint("run_id", "stage", name=op.f("uq_stage_runs_run_id_stage")),
        comment="Stages of runs, each with the record that its boundary judged.",
    )
    op.create_index("ix_stage_runs_reused_from", "stage_runs", ["reused_from"], unique=False)
    op.create_table(
        "baselines",
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("branch", sa.Text(), nullable=False, comment="Branch."),
        sa.Column("metric", sa.Text(), nullable=False, comment="Name of the metric."),
        sa.Column("samples", sa.BigInteger(), nullable=False, comment="Accepted stages behind it."),
        sa.Column("mean", sa.Double(), nullable=False, comment="Mean."),
        sa.Column(
            "squares",
            sa.Double(),
            nullable=False,
            comment="Sum of squared distances from the mean: variance = squares / (samples - 1).",
        ),
        sa.Column("lowest", sa.Double(), nullable=False, comment="Lowest value."),
        sa.Column("highest", sa.Double(), nullable=False, comment="Highest value."),
        sa.Column("latest", sa.Double(), nullable=False, comment="Newest value."),
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Newest stage behind it."),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When the newest value came.",
        ),
        sa.CheckConstraint("latest > '-Infinity' AND latest < 'Infinity'", name=op.f("ck_baselines_latest")),
        sa.CheckConstraint("mean > '-Infinity' AND mean < 'Infinity'", name=op.f("ck_baselines_mean")),
        sa.CheckConstraint("squares >= 0 AND squares < 'Infinity'", name=op.f("ck_baselines_squares")),
        sa.CheckConstraint("lowest <= highest", name=op.f("ck_baselines_highest")),
        sa.CheckConstraint("samples >= 1", name=op.f("ck_baselines_samples")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_baselines_project_id")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_baselines_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "branch", "metric", name=op.f("pk_baselines")),
        comment="What is usual for a metric on a branch.",
    )
    op.create_table(
        "changed_files",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Checkout."),
        sa.Column("path", sa.Text(), nullable=False, comment="Path in the repository."),
        sa.Column("change", sa.Text(), nullable=False, comment="A, M, D, R, C or T as git prints it."),
        sa.Column("old_path", sa.Text(), nullable=True, comment="Where it was before a rename or copy."),
        sa.Column("additions", sa.BigInteger(), nullable=True, comment="Lines added; empty for a binary file."),
        sa.Column("deletions", sa.BigInteger(), nullable=True, comment="Lines removed; empty for a binary file."),
        sa.CheckConstraint(
            "change IN ('A', 'M', 'D', 'R', 'C', 'T', 'U', 'X', 'B')", name=op.f("ck_changed_files_change")
        ),
        sa.CheckConstraint("additions >= 0", name=op.f("ck_changed_files_additions")),
        sa.CheckConstraint("deletions >= 0", name=op.f("ck_changed_files_deletions")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_changed_files_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "path", name=op.f("pk_changed_files")),
        comment="Files that differ from the merge base, or on the default branch from the first parent.",
    )
    op.create_table(
        "health_checks",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage."),
        sa.Column("replica", sa.Text(), nullable=False, comment="Name of the replica."),
        sa.Column(
            "release_digest",
            sa.Text(),
            nullable=True,
            comment="Release as read from the process; empty: could not be told.",
        ),
        sa.Column("pid", sa.BigInteger(), nullable=True, comment="Process id."),
        sa.Column("address", sa.Text(), nullable=False, comment="Where it listens."),
        sa.Column("healthy", sa.Boolean(), nullable=False, comment="It answered its health check."),
        sa.Column("restarts", sa.BigInteger(), nullable=False, comment="How often it was started again."),
        sa.Column("memory_limit_bytes", sa.BigInteger(), nullable=True, comment="Memory limit in effect."),
        sa.Column("cpu_limit", sa.Double(), nullable=True, comment="CPU cores in effect."),
        sa.Column(
            "limits_enforced",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Which limits the machine really holds it to.",
        ),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False, comment="When."),
        sa.CheckConstraint("cpu_limit >= 0 AND cpu_limit < 'Infinity'", name=op.f("ck_health_checks_cpu_limit")),
        sa.CheckConstraint("release_digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_health_checks_release_digest")),
        sa.CheckConstraint("memory_limit_bytes >= 0", name=op.f("ck_health_checks_memory_limit_bytes")),
        sa.CheckConstraint("restarts >= 0", name=op.f("ck_health_checks_restarts")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_health_checks_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "replica", name=op.f("pk_health_checks")),
        comment="Replicas as observed after deploys and rollbacks.",
    )
    op.create_table(
        "lineage_edges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the edge."),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("from_kind", sa.Text(), nullable=False, comment="Kind of the earlier thing."),
        sa.Column("from_id", sa.Text(), nullable=False, comment="Its hash, digest or id."),
        sa.Column("to_kind", sa.Text(), nullable=False, comment="Kind of the later thing."),
        sa.Column("to_id", sa.Text(), nullable=False, comment="Its hash, digest or id."),
        sa.Column("relation", sa.Text(), nullable=False, comment="How the later follows from the earlier."),
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage that said so first."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When.",
        ),
        sa.CheckConstraint(
            "from_kind IN ('commit', 'test', 'release', 'scan', 'deployment', 'smoke', 'rollback')",
            name=op.f("ck_lineage_edges_from_kind"),
        ),
        sa.CheckConstraint(
            "to_kind IN ('commit', 'test', 'release', 'scan', 'deployment', 'smoke', 'rollback')",
            name=op.f("ck_lineage_edges_to_kind"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_lineage_edges_project_id")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_lineage_edges_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_edges")),
        sa.UniqueConstraint(
            "project_id",
            "from_kind",
            "from_id",
            "to_kind",
            "to_id",
            "relation",
            name=op.f("uq_lineage_edges_project_id_from_kind_from_id_to_kind_to_id_relation"),
        ),
        comment="What follows from what, from the commit to the rollback.",
    )
    op.create_index("ix_lineage_edges_to", "lineage_edges", ["project_id", "to_kind", "to_id"], unique=False)
    op.create_table(
        "packages",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Scan."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order in the bill, from 1."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name."),
        sa.Column("version", sa.Text(), nullable=False, comment="Version."),
        sa.Column("type", sa.Text(), nullable=False, comment="Ecosystem or package format."),
        sa.Column("purl", sa.Text(), nullable=True, comment="Package URL."),
        sa.Column("licences", postgresql.ARRAY(sa.Text()), nullable=False, comment="Licences as declared."),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_packages_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "ordinal", name=op.f("pk_packages")),
        comment="Components of scanned releases (SBOM).",
    )
    op.create_index("ix_packages_name_version", "packages", ["name", "version"], unique=False)
    op.create_table(
        "performance_runs",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("branch", sa.Text(), nullable=False, comment="Branch, tag or commit of the run."),
        sa.Column("stage", sa.Text(), nullable=False, comment="Stage."),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When.",
        ),
        sa.CheckConstraint(
            "stage IN ('checkout', 'test', 'build', 'scan', 'deploy', 'smoke', 'rollback')",
            name=op.f("ck_performance_runs_stage"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_performance_runs_project_id")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_performance_runs_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", name=op.f("pk_performance_runs")),
        comment="Stage runs whose figures make the history of a project's branch.",
    )
    op.create_index(
        "ix_performance_runs_history", "performance_runs", ["project_id", "branch", "recorded_at"], unique=False
    )
    op.create_table(
        "quality_checks",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order in the contract, from 1."),
        sa.Column("code", sa.Text(), nullable=False, comment="Code of the check, e.g. T01."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name of the lie that it catches."),
        sa.Column("severity", sa.Text(), nullable=False, comment="stop or warn."),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="passed, failed, not_enough_history, not_applicable or could_not_run.",
        ),
        sa.Column("expectation", sa.Text(), nullable=False, comment="Type of the expectation."),
        sa.Column("expected", sa.Text(), nullable=False, comment="What had to hold."),
        sa.Column("observed", sa.Text(), nullable=False, comment="What was found."),
        sa.Column("message", sa.Text(), server_default="", nullable=False, comment="What is wrong, in words."),
        sa.Column("next_step", sa.Text(), server_default="", nullable=False, comment="What to do."),
        sa.CheckConstraint("code ~ '^[A-Z][0-9]{2}$'", name=op.f("ck_quality_checks_code")),
        sa.CheckConstraint("severity IN ('stop', 'warn')", name=op.f("ck_quality_checks_severity")),
        sa.CheckConstraint(
            "status IN ('passed', 'failed', 'not_enough_history', 'not_applicable', 'could_not_run')",
            name=op.f("ck_quality_checks_status"),
        ),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_quality_checks_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "ordinal", name=op.f("pk_quality_checks")),
        comment="Results of the contract checks at the stage boundaries.",
    )
    op.create_index("ix_quality_checks_code_status", "quality_checks", ["code", "status"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("codes", postgresql.ARRAY(sa.Text()), nullable=False, comment="Checks that stopped it."),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="The rejected record."),
        sa.Column(
            "artifacts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Its files in the artifact store, name to SHA-256.",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When.",
        ),
        sa.CheckConstraint("cardinality(codes) > 0", name=op.f("ck_quarantine_says_why")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_quarantine_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", name=op.f("pk_quarantine")),
        comment="Records that their boundaries rejected; none of their rows is anywhere else.",
    )
    op.create_table(
        "releases",
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("digest", sa.Text(), nullable=False, comment="Digest, `sha256:…`."),
        sa.Column(
            "number",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Order in which releases came to be known.",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="bundle or image."),
        sa.Column("version", sa.Text(), nullable=False, comment="Version as the build named it."),
        sa.Column("commit_sha", sa.Text(), nullable=False, comment="Commit that it was built from."),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Bytes."),
        sa.Column(
            "record",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The release as deploy, scan and smoke name it.",
        ),
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=True, comment="Build that made it."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it came to be known.",
        ),
        sa.CheckConstraint("commit_sha ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'", name=op.f("ck_releases_commit_sha")),
        sa.CheckConstraint("digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_releases_digest")),
        sa.CheckConstraint("kind IN ('bundle', 'image')", name=op.f("ck_releases_kind")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_releases_size")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_releases_project_id")),
        sa.ForeignKeyConstraint(["stage_run_id"], ["stage_runs.id"], name=op.f("fk_releases_stage_run_id")),
        sa.PrimaryKeyConstraint("project_id", "digest", name=op.f("pk_releases")),
        sa.UniqueConstraint("number", name=op.f("uq_releases_number")),
        comment="Releases: immutable build outputs, by digest.",
    )
    op.create_table(
        "scanner_runs",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Scan."),
        sa.Column("name", sa.Text(), nullable=False, comment="Scanner."),
        sa.Column("version", sa.Text(), server_default="", nullable=False, comment="Its version."),
        sa.Column("status", sa.Text(), nullable=False, comment="ok, failed or not_run."),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="Why it failed or did not run."),
        sa.Column(
            "items_scanned", sa.BigInteger(), nullable=False, comment="Files, packages or lines that it looked at."
        ),
        sa.Column(
            "items_skipped",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Files that it could not read.",
        ),
        sa.Column(
            "suppressed",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Comments in the code that tell it to look away.",
        ),
        sa.Column("findings", sa.BigInteger(), nullable=False, comment="What it found, before merging."),
        sa.Column(
            "database_updated_at", sa.DateTime(timezone=True), nullable=True, comment="Age of its vulnerability data."
        ),
        sa.CheckConstraint("status = 'ok' OR reason <> ''", name=op.f("ck_scanner_runs_says_why")),
        sa.CheckConstraint("status IN ('ok', 'failed', 'not_run')", name=op.f("ck_scanner_runs_status")),
        sa.CheckConstraint("findings >= 0", name=op.f("ck_scanner_runs_findings")),
        sa.CheckConstraint("items_scanned >= 0", name=op.f("ck_scanner_runs_items_scanned")),
        sa.CheckConstraint("items_skipped >= 0", name=op.f("ck_scanner_runs_items_skipped")),
        sa.CheckConstraint("suppressed >= 0", name=op.f("ck_scanner_runs_suppressed")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_scanner_runs_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "name", name=op.f("pk_scanner_runs")),
        comment="What each scanner looked at, or why it did not.",
    )
    op.create_table(
        "smoke_results",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order, from 1."),
        sa.Column("kind", sa.Text(), nullable=False, comment="check, threshold or validation."),
        sa.Column("name", sa.Text(), nullable=False, comment="What was asked."),
        sa.Column("passed", sa.Boolean(), nullable=False, comment="It held."),
        sa.Column("expected", sa.Text(), nullable=False, comment="What had to come back."),
        sa.Column("observed", sa.Text(), nullable=False, comment="What came back."),
        sa.Column("seconds", sa.Double(), nullable=True, comment="How long it took; empty for a threshold."),
        sa.Column("samples", sa.BigInteger(), nullable=True, comment="Samples behind a threshold; 0 proves nothing."),
        sa.CheckConstraint(
            "kind <> 'threshold' OR samples IS NOT NULL", name=op.f("ck_smoke_results_threshold_has_samples")
        ),
        sa.CheckConstraint("kind IN ('check', 'threshold', 'validation')", name=op.f("ck_smoke_results_kind")),
        sa.CheckConstraint("seconds >= 0 AND seconds < 'Infinity'", name=op.f("ck_smoke_results_seconds")),
        sa.CheckConstraint("samples >= 0", name=op.f("ck_smoke_results_samples")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_smoke_results_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "ordinal", name=op.f("pk_smoke_results")),
        comment="Checks of smoke tests, thresholds of their load, and validations of rollbacks.",
    )
    op.create_table(
        "stage_artifacts",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name of the file in the stage."),
        sa.Column("sha256", sa.Text(), nullable=False, comment="File."),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_stage_artifacts_sha256")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_stage_artifacts_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "name", "sha256", name=op.f("pk_stage_artifacts")),
        comment="Which stage produced which file, under which name.",
    )
    op.create_index("ix_stage_artifacts_sha256", "stage_artifacts", ["sha256"], unique=False)
    op.create_table(
        "stage_keys",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("key", sa.Text(), nullable=False, comment="SHA-256 of the declared inputs."),
        sa.Column(
            "parts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The inputs behind the key, name to value.",
        ),
        sa.Column(
            "produced_by",
            sa.UUID(as_uuid=False),
            nullable=False,
            comment="Run that really did the work; another run when it was reused.",
        ),
        sa.CheckConstraint("key ~ '^[0-9a-f]{64}$'", name=op.f("ck_stage_keys_key")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_stage_keys_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "key", name=op.f("pk_stage_keys")),
        comment="Keys under which a stage's result is found again: one a stage, one a cell of a test matrix.",
    )
    op.create_index("ix_stage_keys_key", "stage_keys", ["key"], unique=False)
    op.create_table(
        "test_executions",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False, comment="Id of the execution."),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Test stage."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order in the stage, from 1."),
        sa.Column("framework_name", sa.Text(), nullable=False, comment="pytest, unittest, behave, robot or command."),
        sa.Column(
            "framework_version", sa.Text(), server_default="", nullable=False, comment="Version of the framework."
        ),
        sa.Column("cell", sa.Text(), nullable=False, comment="Cell of the matrix."),
        sa.Column("python", sa.Text(), nullable=True, comment="Python version that the cell asked for."),
        sa.Column(
            "shard",
            sa.BigInteger(),
            server_default="1",
            nullable=False,
            comment="Which part of the cell's tests, from 1.",
        ),
        sa.Column(
            "shards",
            sa.BigInteger(),
            server_default="1",
            nullable=False,
            comment="In how many parts the cell was split.",
        ),
        sa.Column(
            "variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Environment variables of the cell.",
        ),
        sa.Column(
            "environment",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What it ran on: python, platform, lock digest.",
        ),
        sa.Column("command", postgresql.ARRAY(sa.Text()), nullable=False, comment="The command as it was run."),
        sa.Column(
            "status", sa.Text(), nullable=False, comment="passed, failed, empty, broken (report), timed_out or killed."
        ),
        sa.Column(
            "exit_code",
            sa.BigInteger(),
            nullable=False,
            comment="Exit code of the command; 128 + n when signal n ended it.",
        ),
        sa.Column("signal", sa.BigInteger(), nullable=True, comment="Signal that ended it."),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False, comment="When the command was started."),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False, comment="When it had ended."),
        sa.Column("execution_time", sa.Double(), nullable=False, comment="Wall seconds of the command."),
        sa.Column(
            "case_seconds", sa.Double(), server_default="0", nullable=False, comment="Sum of the cases' seconds."
        ),
        sa.Column(
            "cpu_seconds",
            sa.Double(),
            server_default="0",
            nullable=False,
            comment="User and system seconds of the process tree.",
        ),
        sa.Column(
            "peak_memory_bytes",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Highest resident memory of the process tree.",
        ),
        sa.Column("total_tests", sa.BigInteger(), nullable=False, comment="Cases in the report."),
        sa.Column("passed_tests", sa.BigInteger(), nullable=False, comment="Cases that passed."),
        sa.Column("failed_tests", sa.BigInteger(), nullable=False, comment="Cases that failed."),
        sa.Column(
            "error_tests",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Cases that broke outside of the test itself.",
        ),
        sa.Column(
            "skipped_tests", sa.BigInteger(), server_default="0", nullable=False, comment="Cases that were skipped."
        ),
        sa.Column(
            "xfailed_tests",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Cases that failed as expected.",
        ),
        sa.Column(
            "xpassed_tests",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Cases that passed and were expected to fail.",
        ),
        sa.Column(
            "collected_tests", sa.BigInteger(), nullable=True, comment="Cases that the framework said it collected."
        ),
        sa.Column(
            "lines_valid",
            sa.BigInteger(),
            nullable=True,
            comment="Lines that could be covered; empty without coverage.",
        ),
        sa.Column("lines_covered", sa.BigInteger(), nullable=True, comment="Lines that were covered."),
        sa.Column("branches_valid", sa.BigInteger(), nullable=True, comment="Branches that could be covered."),
        sa.Column("branches_covered", sa.BigInteger(), nullable=True, comment="Branches that were covered."),
        sa.Column("report_sha256", sa.Text(), nullable=True, comment="The report, in the artifact store."),
        sa.Column("cases_sha256", sa.Text(), nullable=True, comment="The cases as CSV, in the artifact store."),
        sa.Column("log_sha256", sa.Text(), nullable=True, comment="The log, in the artifact store."),
        sa.CheckConstraint(
            "case_seconds >= 0 AND case_seconds < 'Infinity'", name=op.f("ck_test_executions_case_seconds")
        ),
        sa.CheckConstraint("cases_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_test_executions_cases_sha256")),
        sa.CheckConstraint(
            "cpu_seconds >= 0 AND cpu_seconds < 'Infinity'", name=op.f("ck_test_executions_cpu_seconds")
        ),
        sa.CheckConstraint(
            "execution_time >= 0 AND execution_time < 'Infinity'", name=op.f("ck_test_executions_execution_time")
        ),
        sa.CheckConstraint("log_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_test_executions_log_sha256")),
        sa.CheckConstraint("report_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_test_executions_report_sha256")),
        sa.CheckConstraint(
            "status <> 'passed' OR (failed_tests = 0 AND error_tests = 0)",
            name=op.f("ck_test_executions_passed_is_green"),
        ),
        sa.CheckConstraint(
            "status IN ('passed', 'failed', 'empty', 'broken', 'timed_out', 'killed')",
            name=op.f("ck_test_executions_status"),
        ),
        sa.CheckConstraint("branches_covered <= branches_valid", name=op.f("ck_test_executions_branches_valid")),
        sa.CheckConstraint("branches_covered >= 0", name=op.f("ck_test_executions_branches_covered")),
        sa.CheckConstraint("collected_tests >= 0", name=op.f("ck_test_executions_collected_tests")),
        sa.CheckConstraint("end_time >= start_time", name=op.f("ck_test_executions_end_time_after_start_time")),
        sa.CheckConstraint("error_tests >= 0", name=op.f("ck_test_executions_error_tests")),
        sa.CheckConstraint("failed_tests >= 0", name=op.f("ck_test_executions_failed_tests")),
        sa.CheckConstraint("lines_covered <= lines_valid", name=op.f("ck_test_executions_lines_valid")),
        sa.CheckConstraint("lines_covered >= 0", name=op.f("ck_test_executions_lines_covered")),
        sa.CheckConstraint(
            "passed_tests + failed_tests + error_tests + skipped_tests + xfailed_tests + xpassed_tests = total_tests",
            name=op.f("ck_test_executions_counts_add_up"),
        ),
        sa.CheckConstraint("passed_tests >= 0", name=op.f("ck_test_executions_passed_tests")),
        sa.CheckConstraint("peak_memory_bytes >= 0", name=op.f("ck_test_executions_peak_memory_bytes")),
        sa.CheckConstraint("shard BETWEEN 1 AND shards", name=op.f("ck_test_executions_shard")),
        sa.CheckConstraint("skipped_tests >= 0", name=op.f("ck_test_executions_skipped_tests")),
        sa.CheckConstraint("total_tests >= 0", name=op.f("ck_test_executions_total_tests")),
        sa.CheckConstraint("xfailed_tests >= 0", name=op.f("ck_test_executions_xfailed_tests")),
        sa.CheckConstraint("xpassed_tests >= 0", name=op.f("ck_test_executions_xpassed_tests")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_test_executions_project_id")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_test_executions_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_executions")),
        sa.UniqueConstraint("stage_run_id", "ordinal", name=op.f("uq_test_executions_stage_run_id_ordinal")),
        comment="Test executions: one framework's run in one cell of the matrix.",
    )
    op.create_index(
        "ix_test_executions_project_id_start_time", "test_executions", ["project_id", "start_time"], unique=False
    )
    op.create_table(
        "tool_uses",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order in the stage, from 1."),
        sa.Column("name", sa.Text(), nullable=False, comment="Program."),
        sa.Column(
            "version",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Version as the program said; empty when not asked.",
        ),
        sa.Column("exit_code", sa.BigInteger(), nullable=True, comment="Exit code; 128 + n when signal n ended it."),
        sa.Column("seconds", sa.Double(), nullable=False, comment="Wall seconds."),
        sa.CheckConstraint("seconds >= 0 AND seconds < 'Infinity'", name=op.f("ck_tool_uses_seconds")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_tool_uses_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "ordinal", name=op.f("pk_tool_uses")),
        comment="Runs of outside programs inside stages.",
    )
    op.create_table(
        "coverage_files",
        sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False, comment="Execution."),
        sa.Column("path", sa.Text(), nullable=False, comment="File, relative to the project."),
        sa.Column("lines_valid", sa.BigInteger(), nullable=False, comment="Lines that could be covered."),
        sa.Column("lines_covered", sa.BigInteger(), nullable=False, comment="Lines that were covered."),
        sa.Column("branches_valid", sa.BigInteger(), nullable=False, comment="Branches that could be covered."),
        sa.Column("branches_covered", sa.BigInteger(), nullable=False, comment="Branches that were covered."),
        sa.Column(
            "missing_lines", sa.Text(), server_default="", nullable=False, comment="Line numbers that were not covered."
        ),
        sa.CheckConstraint("branches_covered <= branches_valid", name=op.f("ck_coverage_files_branches_valid")),
        sa.CheckConstraint("branches_covered >= 0", name=op.f("ck_coverage_files_branches_covered")),
        sa.CheckConstraint("lines_covered <= lines_valid", name=op.f("ck_coverage_files_lines_valid")),
        sa.CheckConstraint("lines_covered >= 0", name=op.f("ck_coverage_files_lines_covered")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["test_executions.id"], name=op.f("fk_coverage_files_execution_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("execution_id", "path", name=op.f("pk_coverage_files")),
        comment="Coverage by file and execution.",
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False, comment="Id of the deployment."),
        sa.Column(
            "number",
            sa.BigInteger(),
            server_default=sa.text("nextval('journal_number')"),
            nullable=False,
            comment="Order of deploys and rollbacks in one.",
        ),
        sa.Column(
            "run_id",
            sa.UUID(as_uuid=False),
            nullable=True,
            comment="Run; empty when the environment was settled outside of any.",
        ),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Environment."),
        sa.Column("target", sa.Text(), nullable=False, comment="How the release runs."),
        sa.Column("release_digest", sa.Text(), nullable=False, comment="Release that is to serve."),
        sa.Column("previous_digest", sa.Text(), nullable=True, comment="Release that served before; empty: none."),
        sa.Column("fence", sa.BigInteger(), nullable=False, comment="Fence of the lock that it was done under."),
        sa.Column(
            "state",
            sa.Text(),
            server_default="started",
            nullable=False,
            comment="started, serving (it took over), failed (the old one serves on) or interrupted.",
        ),
        sa.Column("detail", sa.Text(), server_default="", nullable=False, comment="What happened, in words."),
        sa.Column("smoke_passed", sa.Boolean(), nullable=True, comment="Verdict of the smoke test; empty: none yet."),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it was begun.",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="When it ended, or was settled."),
        sa.CheckConstraint("(ended_at IS NULL) = (state = 'started')", name=op.f("ck_deployments_terminal_has_end")),
        sa.CheckConstraint("previous_digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_deployments_previous_digest")),
        sa.CheckConstraint(
            "state IN ('started', 'serving', 'failed', 'interrupted')", name=op.f("ck_deployments_state")
        ),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_deployments_ended_at_after_started_at")),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_deployments_fence")),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_deployments_environment_id")),
        sa.ForeignKeyConstraint(
            ["project_id", "release_digest"],
            ["releases.project_id", "releases.digest"],
            name=op.f("fk_deployments_project_id_release_digest"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_deployments_project_id")),
        sa.ForeignKeyConstraint(["run_id"], ["pipeline_runs.id"], name=op.f("fk_deployments_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
        sa.UniqueConstraint("number", name=op.f("uq_deployments_number")),
        comment="Deploys, written before they are done.",
    )
    op.create_index("ix_deployments_environment_id_number", "deployments", ["environment_id", "number"], unique=False)
    op.create_index("ix_deployments_run_id", "deployments", ["run_id"], unique=False)
    op.create_table(
        "performance_metrics",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("metric", sa.Text(), nullable=False, comment="Name, e.g. test.total or smoke.p95_seconds."),
        sa.Column("value", sa.Double(), nullable=False, comment="Value."),
        sa.Column("unit", sa.Text(), nullable=False, comment="seconds, bytes, count, ratio or per_second."),
        sa.CheckConstraint("value > '-Infinity' AND value < 'Infinity'", name=op.f("ck_performance_metrics_value")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"],
            ["performance_runs.stage_run_id"],
            name=op.f("fk_performance_metrics_stage_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "metric", name=op.f("pk_performance_metrics")),
        comment="Figures of stage runs: seconds, bytes, counts, ratios.",
    )
    op.create_table(
        "release_fences",
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Environment."),
        sa.Column("release_digest", sa.Text(), nullable=False, comment="Release."),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project of both."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why."),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=True, comment="Run that fenced it."),
        sa.Column(
            "fenced_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="Since when.",
        ),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True, comment="When somebody lifted the fence."),
        sa.Column("lifted_by", sa.Text(), server_default="", nullable=False, comment="Who lifted it."),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_release_fences_says_why")),
        sa.CheckConstraint("lifted_at >= fenced_at", name=op.f("ck_release_fences_lifted_at_after_fenced_at")),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_release_fences_environment_id")),
        sa.ForeignKeyConstraint(
            ["project_id", "release_digest"],
            ["releases.project_id", "releases.digest"],
            name=op.f("fk_release_fences_project_id_release_digest"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["pipeline_runs.id"], name=op.f("fk_release_fences_run_id")),
        sa.PrimaryKeyConstraint("environment_id", "release_digest", name=op.f("pk_release_fences")),
        comment="Releases that must not come back to an environment.",
    )
    op.create_table(
        "rollbacks",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False, comment="Id of the rollback."),
        sa.Column(
            "number",
            sa.BigInteger(),
            server_default=sa.text("nextval('journal_number')"),
            nullable=False,
            comment="Order of deploys and rollbacks in one.",
        ),
        sa.Column(
            "run_id",
            sa.UUID(as_uuid=False),
            nullable=True,
            comment="Run; empty when the environment was settled outside of any.",
        ),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Environment."),
        sa.Column("deployment_id", sa.UUID(as_uuid=False), nullable=True, comment="Deploy that it undoes."),
        sa.Column("target", sa.Text(), nullable=False, comment="How the release runs."),
        sa.Column("from_digest", sa.Text(), nullable=True, comment="Bad release; empty: not known."),
        sa.Column(
            "to_digest",
            sa.Text(),
            nullable=True,
            comment="Release that is to serve again; empty: there is none to go to.",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why."),
        sa.Column("fence", sa.BigInteger(), nullable=False, comment="Fence of the lock that it was done under."),
        sa.Column(
            "state",
            sa.Text(),
            server_default="started",
            nullable=False,
            comment="started, serving (the old release took over), failed or interrupted.",
        ),
        sa.Column("detail", sa.Text(), server_default="", nullable=False, comment="What happened, in words."),
        sa.Column(
            "validated", sa.Boolean(), nullable=True, comment="The old release was seen to answer, and answer well."
        ),
        sa.Column(
            "seconds_to_restore", sa.Double(), nullable=True, comment="From the decision to the validated old release."
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it was begun.",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="When it ended, or was settled."),
        sa.CheckConstraint("(ended_at IS NULL) = (state = 'started')", name=op.f("ck_rollbacks_terminal_has_end")),
        sa.CheckConstraint("from_digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_rollbacks_from_digest")),
        sa.CheckConstraint(
            "seconds_to_restore >= 0 AND seconds_to_restore < 'Infinity'", name=op.f("ck_rollbacks_seconds_to_restore")
        ),
        sa.CheckConstraint("state <> 'serving' OR to_digest IS NOT NULL", name=op.f("ck_rollbacks_serving_has_target")),
        sa.CheckConstraint("state IN ('started', 'serving', 'failed', 'interrupted')", name=op.f("ck_rollbacks_state")),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_rollbacks_ended_at_after_started_at")),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_rollbacks_fence")),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name=op.f("fk_rollbacks_deployment_id")),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_rollbacks_environment_id")),
        sa.ForeignKeyConstraint(
            ["project_id", "to_digest"],
            ["releases.project_id", "releases.digest"],
            name=op.f("fk_rollbacks_project_id_to_digest"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_rollbacks_project_id")),
        sa.ForeignKeyConstraint(["run_id"], ["pipeline_runs.id"], name=op.f("fk_rollbacks_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollbacks")),
        sa.UniqueConstraint("number", name=op.f("uq_rollbacks_number")),
        comment="Rollbacks, written before they are done.",
    )
    op.create_index("ix_rollbacks_environment_id_number", "rollbacks", ["environment_id", "number"], unique=False)
    op.create_index("ix_rollbacks_run_id", "rollbacks", ["run_id"], unique=False)
    op.create_table(
        "deployment_steps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the step."),
        sa.Column("deployment_id", sa.UUID(as_uuid=False), nullable=True, comment="Deploy."),
        sa.Column("rollback_id", sa.UUID(as_uuid=False), nullable=True, comment="Rollback."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order, from 1."),
        sa.Column("name", sa.Text(), nullable=False, comment="What the step does."),
        sa.Column(
            "status",
            sa.Text(),
            server_default="started",
            nullable=False,
            comment="started, done, failed, skipped or interrupted.",
        ),
        sa.Column("detail", sa.Text(), server_default="", nullable=False, comment="What it did, in words."),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="Before its effect.",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="After its effect."),
        sa.CheckConstraint("(ended_at IS NULL) = (status = 'started')", name=op.f("ck_deployment_steps_ended")),
        sa.CheckConstraint(
            "status IN ('started', 'done', 'failed', 'skipped', 'interrupted')", name=op.f("ck_deployment_steps_status")
        ),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_deployment_steps_ended_at_after_started_at")),
        sa.CheckConstraint("num_nonnulls(deployment_id, rollback_id) = 1", name=op.f("ck_deployment_steps_one_owner")),
        sa.CheckConstraint("ordinal >= 1", name=op.f("ck_deployment_steps_ordinal")),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name=op.f("fk_deployment_steps_deployment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["rollback_id"], ["rollbacks.id"], name=op.f("fk_deployment_steps_rollback_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment_steps")),
        sa.UniqueConstraint("deployment_id", "ordinal", name=op.f("uq_deployment_steps_deployment_id_ordinal")),
        sa.UniqueConstraint("rollback_id", "ordinal", name=op.f("uq_deployment_steps_rollback_id_ordinal")),
        comment="Steps of deploys and rollbacks: written before the effect, and again after it.",
    )
    op.execute(MAKE_PARTITIONS)
    op.execute(COMMENT_PARTITIONS)
