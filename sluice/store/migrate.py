"""The schema of the database: brought up to date by `sluice up`, checked by everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from sluice import __version__
from sluice.errors import InfrastructureError
from sluice.store.engine import database_url, reading, retry_database, translated

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_KEY = 0x51_01_CE  # any number that nothing else in this database locks
LOCK_LIMIT = "5s"
MONTHS_AHEAD = 12
PARTITION = re.compile(r"[a-z_]+_(\d{4}_\d{2}|default)")


class SchemaOlderError(InfrastructureError):
    """The database was not brought up to date after Sluice was updated."""

    code = "SCHEMA_OLDER"
    next_step = "Run `sluice up`: it brings the schema up to date and keeps the data."


class SchemaNewerError(InfrastructureError):
    """The database belongs to a newer Sluice; writing to it would lose what that one knows."""

    code = "SCHEMA_NEWER"
    next_step = "Update Sluice on this machine, or name another database in SLUICE_DATABASE_URL."


@lru_cache(maxsize=1)
def versions() -> tuple[str, ...]:
    """Return the schema versions that this Sluice knows, oldest first."""
    return tuple(sorted(path.stem.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def head() -> str:
    """Return the schema version that this Sluice works with."""
    return versions()[-1]


def upgrade(url: str) -> str:
    """Bring the schema of the database to :func:`head` and make partitions ahead; return the version.

    Two of these at once wait for one another. Every change gives up after 5 s of waiting for a lock.

    Raises:
        SchemaNewerError: the database is ahead of this Sluice; nothing is touched.
        DatabaseUnavailableError: Postgres is away, or others hold locks on the tables.
    """
    return _upgrade(url)


@retry_database
def _upgrade(url: str) -> str:
    from alembic import command

    engine = create_engine(database_url(url), poolclass=NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection, _alone(connection):
        found = found_version(connection)
        if found is not None and found not in versions():
            raise _newer(found)
        connection.commit()
        if found != head():
            command.upgrade(_config(connection), "head")
        connection.execute(text("SELECT sluice_make_partitions(:months)"), {"months": MONTHS_AHEAD})
        connection.commit()
    return head()


def check_version(engine: Engine) -> str:
    """Return the schema version of the database when it is the one that this Sluice works with.

    Raises:
        SchemaOlderError: there is none, or an older one.
        SchemaNewerError: it is newer; both versions are named.
        DatabaseUnavailableError: Postgres is away.
    """
    with reading(engine) as connection:
        return refuse_other(found_version(connection))


def refuse_other(found: str | None) -> str:
    """Return the version when it is the one that this Sluice works with; raise as :func:`check_version` does."""
    if found == head():
        return found
    if found is None or found in versions():
        raise SchemaOlderError(
            "the database has an older schema than this Sluice needs" if found else "the database has no tables yet",
            where="alembic_version",
            found=found,
            allowed=f"{head()} (Sluice {__version__})",
        )
    raise _newer(found)


def found_version(connection: Connection) -> str | None:
    """Return the schema version that the database says it has; None when it has none."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if version is None else str(version)


def is_ours(thing: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """Tell Alembic what it compares: not the partitions, which are made as months go by."""
    if kind == "table" and reflected:
        return PARTITION.fullmatch(name or "") is None
    if kind == "index" and reflected:
        return PARTITION.fullmatch(thing.table.name) is None
    return True


def _newer(found: str) -> SchemaNewerError:
    return SchemaNewerError(
        "the database has a newer schema than this Sluice knows",
        where="alembic_version",
        found=found,
        allowed=f"{head()} (Sluice {__version__})",
    )


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold the lock of migrations on this connection; the lock ends with the connection at the latest."""
    with translated():
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
        connection.execute(text(f"SET lock_timeout = '{LOCK_LIMIT}'"))
        connection.commit()
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
            connection.commit()


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
