"""No connection to a database of another schema: a newer one is not written by an older Sluice."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event, text

from sluice.store.engine import INGEST_LIMIT
from sluice.store.migrate import refuse_other

VERSION = "SELECT version_num FROM alembic_version"
LONG = text("SELECT version_num, set_config('statement_timeout', :limit, true) FROM alembic_version")


def guarded(engine: Engine) -> Engine:
    """Have each new connection of `engine` look at the schema's version first; return the engine.

    Its users then meet `SCHEMA_OLDER` or `SCHEMA_NEWER` (:mod:`sluice.store.migrate`) before they read or write a row.
    """

    @event.listens_for(engine, "connect")
    def look(connection: Any, _record: object) -> None:
        try:
            refuse_other(_version(connection))
        except BaseException:
            connection.close()
            raise

    return engine


def refuse_migrated(connection: Connection) -> None:
    """Refuse to write in this transaction when somebody migrated the database after the connection was made.

    Raises:
        SchemaNewerError: both versions are named.
    """
    refuse_other(connection.scalar(text(VERSION)))


def begin_long(connection: Connection) -> None:
    """Do as :func:`refuse_migrated` does, and give this transaction the time that loading many rows needs."""
    refuse_other(connection.scalar(LONG, {"limit": INGEST_LIMIT}))


def _version(connection: psycopg.Connection[Any]) -> str | None:
    try:
        row = connection.execute(VERSION).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    connection.rollback()
    return row[0] if row else None
