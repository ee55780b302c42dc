"""A service's own database for tests: real Postgres, with a schema, rows, and SQL that migrates it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from sluice.config.migrate import MigrateConfig
from sluice.tools.postgres_client import Address, address
from tests.postgres_server import PostgresServer

SCHEMA = """
CREATE TABLE version (number int NOT NULL);
INSERT INTO version VALUES (1);
CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, total numeric(10, 2));
INSERT INTO orders SELECT n, 'customer ' || n, n * 1.5 FROM generate_series(1, 200) AS n;
CREATE TABLE "Odd ""name" (t text);
INSERT INTO "Odd ""name" VALUES ('ä'), (NULL);
CREATE VIEW big AS SELECT * FROM orders WHERE total > 100;
CREATE MATERIALIZED VIEW totals AS SELECT sum(total) AS total FROM orders;
"""
VERSION = "SELECT number FROM version"
UP = "ALTER TABLE orders ADD COLUMN note text; UPDATE version SET number = 2"
DOWN = "ALTER TABLE orders DROP COLUMN note; UPDATE version SET number = 1"


@dataclass(frozen=True)
class AppDatabase:
    """One such database."""

    url: str

    @property
    def place(self) -> Address:
        return address(self.url, "test")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def value(self, query: str) -> object:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query).fetchone()  # type: ignore[call-overload]
        return row[0] if row else None

    def beside(self) -> list[str]:
        """Names of the databases that were made from this one."""
        query = "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY 1"
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute(query, (f"{self.place.name}\\_%",)).fetchall()]


@contextmanager
def app_database(server: PostgresServer) -> Iterator[AppDatabase]:
    """Make a database with a small shop in it; it goes with all that was made beside it."""
    with server.database() as url:
        found = AppDatabase(url.replace("+psycopg", ""))
        found.execute(SCHEMA)
        try:
            yield found
        finally:
            for name in found.beside():
                server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


RUN = """
import os, sys, psycopg
for statement in sys.argv[1].split(";"):
    psycopg.connect(os.environ["DATABASE_URL"], autocommit=True).execute(statement)
"""
PASSWORD = "correct-horse-battery"


def migration(sql: str = UP, **declared: object) -> MigrateConfig:
    """A migration that runs these statements one by one; `down` is a command when it is SQL."""
    down = declared.pop("down", "")
    words = ("python", "-c", RUN)
    more = {"reversible": True, "down": (*words, down)} if down else {}
    values = {"command": (*words, sql), "database": "env:APP_DATABASE", "version": VERSION, "timeout": 120.0}
    return MigrateConfig.model_validate(values | more | declared)
