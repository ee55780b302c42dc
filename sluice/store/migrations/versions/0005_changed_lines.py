"""Which lines a change wrote, for the coverage of the change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "Lines that the change wrote, as in the new file; empty: not known."
    op.add_column("changed_files", sa.Column("lines", sa.Text(), nullable=True, comment=comment))
