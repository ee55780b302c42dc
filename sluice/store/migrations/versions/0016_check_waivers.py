"""Waivers of checks are rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WAIVERS = """
CREATE VIEW v_waivers AS
SELECT r.number AS run_number, s.run_id, p.name AS project, s.stage, w.code, q.name, w.effect, w.reason, w.owner,
       w.expires, s.ended_at AS checked_at
FROM check_waivers w
JOIN stage_runs s ON s.id = w.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = r.project_id
JOIN LATERAL (SELECT min(name) AS name FROM quality_checks c WHERE c.stage_run_id = s.id AND c.code = w.code) q ON true
"""


def upgrade() -> None:
    op.create_table(
        "check_waivers",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Stage run."),
        sa.Column("code", sa.Text(), nullable=False, comment="Code of the check."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why the run may go on."),
        sa.Column("owner", sa.Text(), nullable=False, comment="Who answers for it."),
        sa.Column("expires", sa.Date(), nullable=False, comment="Last day on which it counts."),
        sa.Column("effect", sa.Text(), nullable=False, comment="lowered, expired or idle."),
        sa.CheckConstraint("effect IN ('lowered', 'expired', 'idle')", name=op.f("ck_check_waivers_effect")),
        sa.CheckConstraint("reason <> '' AND owner <> ''", name=op.f("ck_check_waivers_says_why")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["stage_runs.id"], name=op.f("fk_check_waivers_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "code", name=op.f("pk_check_waivers")),
        comment="Waivers that boundaries met, and what each did to its check.",
    )
    op.execute(WAIVERS)
    op.execute("COMMENT ON VIEW v_waivers IS 'Waivers of checks, run by run, and what each did.'")
