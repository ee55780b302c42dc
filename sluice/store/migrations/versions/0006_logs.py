"""Logs of stages, and partitions for every table that is split by month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# As in 0001, for all tables that are split, whichever they are.
MAKE_PARTITIONS = """
CREATE OR REPLACE FUNCTION sluice_make_partitions(months integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    child text;
    first timestamptz;
BEGIN
    FOR parent IN SELECT relname FROM pg_class
                  WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY relname LOOP
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

VIEW = """
CREATE VIEW v_logs AS
SELECT r.number AS run_number, s.run_id, p.name AS project, s.stage, l.first_line, l.lines, l.plain, l.started_at,
       l.stage_run_id
FROM test_logs l
JOIN stage_runs s ON s.id = l.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = r.project_id
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "test_logs",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage (stage_runs.id)."),
        sa.Column(
            "start_byte",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="Where it begins in the stage's log.",
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the stage's row was made; names the month.",
        ),
        sa.Column("end_byte", sa.BigInteger(), nullable=False, comment="Where it ends in the stage's log."),
        sa.Column("first_line", sa.BigInteger(), nullable=False, comment="Number of its first line, from 1."),
        sa.Column("lines", sa.BigInteger(), nullable=False, comment="How many lines it has."),
        sa.Column(
            "plain", sa.Text(), nullable=False, comment="The lines without terminal codes: what is searched."
        ),
        sa.Column(
            "raw",
            sa.Text(),
            nullable=True,
            comment="The lines with their terminal codes; empty when they have none.",
        ),
        sa.CheckConstraint("start_byte >= 0", name=op.f("ck_test_logs_start_byte")),
        sa.CheckConstraint("lines >= 0", name=op.f("ck_test_logs_lines")),
        sa.CheckConstraint("end_byte > start_byte", name=op.f("ck_test_logs_end_byte")),
        sa.CheckConstraint("first_line > 0", name=op.f("ck_test_logs_first_line")),
        sa.PrimaryKeyConstraint("stage_run_id", "start_byte", "started_at", name=op.f("pk_test_logs")),
        comment="Output of stages by chunks of whole lines, by month; written while the stage runs.",
        postgresql_partition_by="RANGE (started_at)",
    )
    op.create_index(
        "ix_test_logs_plain",
        "test_logs",
        ["plain"],
        postgresql_using="gin",
        postgresql_ops={"plain": "gin_trgm_ops"},
    )
    op.execute(MAKE_PARTITIONS)
    op.execute(VIEW)
    op.execute("COMMENT ON VIEW v_logs IS 'Logs of stages by chunks of whole lines, without terminal codes.'")
