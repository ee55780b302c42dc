"""A lock knows which taking it is, so that a taking whose answer was lost can be repeated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "Of one taking: a repeated write is told from another holder by it."
    token = sa.Column("token", postgresql.UUID(as_uuid=False), nullable=True, comment=comment)
    op.add_column("environment_locks", token)
