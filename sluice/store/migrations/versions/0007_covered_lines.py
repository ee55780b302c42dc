"""Which lines were covered, beside those that were not: blank lines and comments are neither."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "Line numbers that were covered."
    op.add_column("coverage_files", sa.Column("covered_lines", sa.Text(), server_default="", nullable=False, comment=comment))
