"""A run knows which run it resumes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "pipeline_runs",
        sa.Column("resumes", sa.UUID(as_uuid=False), nullable=True, comment="The run whose pinned inputs it takes up."),
    )
    op.create_foreign_key(
        op.f("fk_pipeline_runs_resumes"), "pipeline_runs", "pipeline_runs", ["resumes"], ["id"], ondelete="SET NULL"
    )
    op.create_check_constraint(op.f("ck_pipeline_runs_not_itself"), "pipeline_runs", "resumes <> id")
