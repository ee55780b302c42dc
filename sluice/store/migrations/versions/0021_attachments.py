"""What suites print beside their cases, and the files that reports name, are rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

FROM = """
JOIN test_executions e ON e.id = x.execution_id
JOIN stage_runs s ON s.id = e.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = e.project_id
"""
VIEWS = {
    "v_suite_output": (
        "What suites printed beside their cases, a row a stream.",
        f"""
        SELECT r.number AS run_number, s.run_id, p.name AS project, e.cell, x.suite, x.stream, x.characters, x.output,
               e.start_time, x.execution_id, x.ordinal
        FROM suite_outputs x {FROM}
        """,
    ),
    "v_test_attachments": (
        "Files that reports name beside tests: kept under their SHA-256, or why not.",
        f"""
        SELECT r.number AS run_number, s.run_id, p.name AS project, e.cell, x.test_id, x.path, x.media_type, x.size,
               x.sha256, x.problem, e.start_time, x.execution_id, x.ordinal, x.case_ordinal
        FROM test_attachments x {FROM}
        """,
    ),
}


def text(name: str, comment: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment)


def number(name: str, comment: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, comment=comment)


def execution() -> sa.Column[str]:
    return sa.Column("execution_id", sa.UUID(as_uuid=False), nullable=False, comment="Execution.")


def upgrade() -> None:
    op.create_table(
        "suite_outputs",
        execution(),
        number("ordinal", "Order in the reports, from 1."),
        text("suite", "Suite in the report; empty: the whole report."),
        text("stream", "stdout or stderr."),
        number("characters", "Length of the whole stream."),
        text("output", "The stream; at most 8,000 characters and a mark for what is left out."),
        sa.CheckConstraint("stream IN ('stdout', 'stderr')", name=op.f("ck_suite_outputs_stream")),
        sa.CheckConstraint("characters >= 0", name=op.f("ck_suite_outputs_characters")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["test_executions.id"], name=op.f("fk_suite_outputs_execution_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("execution_id", "ordinal", name=op.f("pk_suite_outputs")),
        comment="What suites printed beside their cases, of a long stream without its middle.",
    )
    op.create_table(
        "test_attachments",
        execution(),
        number("ordinal", "Order in the reports, from 1."),
        text("test_id", "Class and name, as `classname::name`; empty: it belongs to a suite."),
        number("case_ordinal", "The case (test_results.ordinal); empty: it belongs to a suite.", nullable=True),
        text("path", "As the report names it; never opened as such."),
        text("media_type", "What it is; a picture only when its first bytes say so.", nullable=True),
        number("size", "Bytes.", nullable=True),
        text("sha256", "File, in the artifact store.", nullable=True),
        sa.Column(
            "problem",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Why it is not kept: ATTACHMENT_MISSING and the like.",
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_test_attachments_sha256")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_test_attachments_size")),
        sa.CheckConstraint("(sha256 IS NULL) = (problem <> '')", name=op.f("ck_test_attachments_kept_or_refused")),
        sa.CheckConstraint("(sha256 IS NULL) = (size IS NULL)", name=op.f("ck_test_attachments_kept_has_size")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["test_executions.id"], name=op.f("fk_test_attachments_execution_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_test_attachments_sha256")),
        sa.PrimaryKeyConstraint("execution_id", "ordinal", name=op.f("pk_test_attachments")),
        comment="Files that reports name beside tests: kept in the artifact store, or why not.",
    )
    op.create_index("ix_test_attachments_sha256", "test_attachments", ["sha256"])
    for name, (comment, query) in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")
        op.execute(f"COMMENT ON VIEW {name} IS '{comment}'")
