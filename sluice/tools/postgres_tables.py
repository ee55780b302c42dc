"""What is in a PostgreSQL database: its tables with rows and content, its server, and databases made beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from sluice.errors import InfrastructureError, TransientError
from sluice.records.backup import TableContent
from sluice.tools.postgres_client import Address

# Text of a value depends on these; the same for what was dumped and what was restored.
SESSION = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=3 -c bytea_output=hex"
TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
                  AND d.deptype = 'e')
ORDER BY 1, 2
"""
# The sum of the rows' hashes does not depend on their order, which a restored table need not keep.
CONTENT = """
SELECT count(*), coalesce(sum(hashtextextended(sluice_row::text, 0)::numeric), 0)::text FROM {table} AS sluice_row
"""
SWAP_ATTEMPTS = 50
PAUSE_SECONDS = 0.1


class AppDatabaseError(InfrastructureError):
    """The service's database refuses what a backup or a restore needs."""

    code = "APP_DATABASE"
    next_step = "See that the account of `migrate.database` may do so; making databases needs CREATEDB."


@dataclass(frozen=True)
class Snapshot:
    """A moment of a database that does not pass while it is open.

    Attributes:
        name: what `pg_dump` is told.
        server: major version.
    """

    connection: psycopg.Connection[Any]
    name: str
    server: int

    def tables(self) -> tuple[TableContent, ...]:
        """Return each table with the number of its rows and a hash of them."""
        names = self.connection.execute(TABLES).fetchall()
        return tuple(self._content(schema, table) for schema, table in names)

    def value(self, query: str) -> str:
        """Return what a query of one value answers; "" for nothing, and when its table is still to be made."""
        try:
            with self.connection.transaction(force_rollback=True):
                row = self.connection.execute(query).fetchone()
        except psycopg.errors.UndefinedTable:
            return ""
        return str(row[0]) if row is not None and row[0] is not None else ""

    def _content(self, schema: str, table: str) -> TableContent:
        query = sql.SQL(CONTENT).format(table=sql.Identifier(schema, table))
        found = self.connection.execute(query).fetchone()
        assert found is not None
        return TableContent(name=f"{schema}.{table}", rows=found[0], content=found[1])


@contextmanager
def snapshot(place: Address) -> Iterator[Snapshot]:
    """Hold a moment of the database open, for reading only."""
    with _connected(place) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        name = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert name is not None
        yield Snapshot(connection, name[0], connection.info.server_version // 10000)


def names(place: Address, beginning: str) -> tuple[str, ...]:
    """Return the databases of the server whose names begin so."""
    with _connected(place) as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
        return tuple(row[0] for row in connection.execute(query, (beginning,)).fetchall())


def create(place: Address, name: str) -> Address:
    """Make an empty database beside `place`, of the same encoding; return its address."""
    query = "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}"
    with _connected(place, autocommit=True) as connection:
        like = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = %s"
        row = connection.execute(like, (place.name,)).fetchone()
        assert row is not None
        connection.execute(sql.SQL(query).format(sql.Identifier(name), *map(sql.Literal, row)))
    return place.of(name)


def drop(place: Address, name: str) -> None:
    """Remove a database beside `place`; nothing happens when it is gone."""
    with _connected(place, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def swap(place: Address, new: str, old: str) -> None:
    """Let database `new` take the name of `place`, which is called `old` from then on: both at once, or neither.

    Whoever is connected is disconnected.

    Raises:
        AppDatabaseError: clients came back quicker than they could be sent away.
    """
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with _connected(place.of(new)) as connection:
        aside = _beside(connection, place)
    with _connected(place.of(aside)) as connection:
        for _ in range(SWAP_ATTEMPTS):
            for name in (place.name, new):
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            try:
                with connection.transaction():
                    connection.execute(rename.format(sql.Identifier(place.name), sql.Identifier(old)))
                    connection.execute(rename.format(sql.Identifier(new), sql.Identifier(place.name)))
            except psycopg.errors.ObjectInUse:
                connection.rollback()
                time.sleep(PAUSE_SECONDS)
            else:
                connection.commit()
                return
    raise AppDatabaseError("clients of the database come back before it can be replaced", where=place.place)


def end_sessions(place: Address, application: str) -> int:
    """End the sessions that call themselves so; return how many there were."""
    query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s"
    with _connected(place) as connection:
        row = connection.execute(query, (application,)).fetchone()
    return int(row[0]) if row else 0


def _beside(connection: psycopg.Connection[Any], place: Address) -> str:
    """Return a database to stand in while two others change their names."""
    query = "SELECT datname FROM pg_database WHERE datname IN ('postgres', 'template1') AND datname <> %s ORDER BY 1"
    row = connection.execute(query, (place.name,)).fetchone()
    if row is None:
        raise AppDatabaseError("the server has no database `postgres` or `template1`", where=place.place)
    return str(row[0])


@contextmanager
def _connected(place: Address, *, autocommit: bool = False) -> Iterator[psycopg.Connection[Any]]:
    try:
        asked = {**place.conninfo, "options": f"{place.conninfo.get('options', '')} {SESSION}".strip()}
        with psycopg.connect(**asked, autocommit=autocommit) as connection:  # type: ignore[arg-type]
            yield connection
    except psycopg.OperationalError as error:
        if error.sqlstate is None or error.sqlstate.startswith(("08", "57P")):
            raise TransientError(
                "the service's database does not answer",
                code="APP_DATABASE_DOWN",
                where=place.place,
                found=_said(error),
            ) from None
        raise AppDatabaseError("the service's database refuses", where=place.place, found=_said(error)) from None
    except psycopg.Error as error:
        raise AppDatabaseError("the service's database refuses", where=place.place, found=_said(error)) from None


def _said(error: psycopg.Error) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
