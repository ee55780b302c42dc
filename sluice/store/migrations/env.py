"""Alembic's environment: the connection is handed over by :mod:`sluice.store.migrate`."""

from __future__ import annotations

from alembic import context

from sluice.store.migrate import is_ours
from sluice.store.tables.all import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=is_ours,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
