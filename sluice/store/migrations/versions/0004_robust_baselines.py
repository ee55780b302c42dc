"""Baselines are median and MAD of the last accepted runs: one odd run does not move them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FINITE = "{0} > '-Infinity' AND {0} < 'Infinity'"
# What the figures of accepted stages say, the newest 30 of each metric.
REFILL = """
UPDATE baselines b
SET recent = w.recent, median = s.median, lowest = s.lowest, highest = s.highest,
    mad = (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(v - s.median)) FROM unnest(w.recent) v)
FROM (
    SELECT project_id, branch, metric, array_agg(value ORDER BY recorded_at) AS recent
    FROM (
        SELECT f.project_id, f.branch, m.metric, m.value, f.recorded_at,
               row_number() OVER (PARTITION BY f.project_id, f.branch, m.metric ORDER BY f.recorded_at DESC) AS age
        FROM performance_metrics m JOIN performance_runs f USING (stage_run_id)
    ) figures
    WHERE age <= 30
    GROUP BY project_id, branch, metric
) w, LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS median, min(v) AS lowest, max(v) AS highest
    FROM unnest(w.recent) v
) s
WHERE (b.project_id, b.branch, b.metric) = (w.project_id, w.branch, w.metric)
"""
METRICS = """
CREATE VIEW v_metrics AS
SELECT r.number AS run_number, s.run_id, p.name AS project, f.branch, f.stage, m.metric, m.value, m.unit,
       b.samples, b.median AS usual, b.mad * 1.4826 AS deviation, f.recorded_at
FROM performance_metrics m
JOIN performance_runs f ON f.stage_run_id = m.stage_run_id
JOIN stage_runs s ON s.id = m.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = f.project_id
LEFT JOIN baselines b ON b.project_id = f.project_id AND b.branch = f.branch AND b.metric = m.metric
"""


def upgrade() -> None:
    op.execute("DROP VIEW v_metrics")
    added: dict[str, tuple[Any, str]] = {
        "recent": (postgresql.ARRAY(sa.Double()), "Values of the last 30 of them, oldest first."),
        "median": (sa.Double(), "Median of the last values."),
        "mad": (sa.Double(), "Median absolute deviation of the last values."),
    }
    for name, (kind, comment) in added.items():
        op.add_column("baselines", sa.Column(name, kind, nullable=True, comment=comment))
    op.execute(REFILL)
    op.execute("DELETE FROM baselines WHERE recent IS NULL")  # its figures are gone: it is learned anew
    for name in added:
        op.alter_column("baselines", name, nullable=False)
    for name in ("mean", "squares"):
        op.drop_column("baselines", name)  # with its constraint
    op.create_check_constraint(op.f("ck_baselines_recent"), "baselines", "cardinality(recent) >= 1")
    op.create_check_constraint(op.f("ck_baselines_median"), "baselines", FINITE.format("median"))
    op.create_check_constraint(op.f("ck_baselines_mad"), "baselines", "mad >= 0 AND mad < 'Infinity'")
    for name, comment in (("lowest", "Lowest of the last values."), ("highest", "Highest of the last values.")):
        op.alter_column("baselines", name, existing_type=sa.Double(), existing_nullable=False, comment=comment)
    op.alter_column(
        "baselines", "stage_run_id", existing_type=sa.UUID(as_uuid=False), nullable=True,
        comment="Newest stage behind it; empty when its run was removed.",
    )
    op.drop_constraint(op.f("fk_baselines_stage_run_id"), "baselines", type_="foreignkey")
    op.create_foreign_key(
        op.f("fk_baselines_stage_run_id"), "baselines", "stage_runs", ["stage_run_id"], ["id"], ondelete="SET NULL"
    )
    op.execute(METRICS)
    op.execute("COMMENT ON VIEW v_metrics IS 'Figures of accepted stages beside what is usual on their branch.'")
