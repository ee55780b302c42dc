"""Why a result that was found under a stage's key was not reused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "Why an earlier result with this key was not good enough."
    op.add_column("stage_runs", sa.Column("not_reused", sa.Text(), server_default="", nullable=False, comment=comment))
