"""The schema: models and migrations agree, two upgrades do not race, and a newer schema is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from sluice.store import migrate
from sluice.store.engine import DatabaseUnavailableError, engine_for
from sluice.store.tables.all import Base
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.postgres


@pytest.fixture
def engine(fresh_database_url: str) -> Iterator[Engine]:
    engine = engine_for(fresh_database_url)
    yield engine
    engine.dispose()


CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity, col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    """,
    "tables": "SELECT c.relname, c.relkind, pg_get_partkeydef(c.oid), obj_description(c.oid) FROM pg_class c",
    "constraints": """
        SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
        FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid
    """,
    "indexes": "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid",
}
OURS = " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"


def catalogue(engine: Engine) -> dict[str, set[tuple[object, ...]]]:
    with engine.connect() as connection:
        found = {name: {tuple(row) for row in connection.execute(text(sql + OURS))} for name, sql in CATALOGUE.items()}
    return {name: {row for row in rows if row[0] != "alembic_version"} for name, rows in found.items()}


def test_models_and_migrations_agree(engine: Engine) -> None:
    options = {"compare_type": True, "compare_server_default": True, "include_object": migrate.is_ours}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_constraints_and_comments_agree_too(engine: Engine, postgres_server: PostgresServer) -> None:
    """Alembic compares no CHECK constraints: build the models beside the migrations and compare the catalogues."""
    with postgres_server.database() as url:
        fresh = engine_for(url)
        with fresh.begin() as connection:
            connection.execute(text("CREATE EXTENSION pg_trgm"))
        Base.metadata.create_all(fresh)
        made = catalogue(fresh)
        fresh.dispose()
    migrated = catalogue(engine)
    for name, rows in made.items():
        assert rows - migrated[name] == set(), name
        assert migrated[name] - rows == set(), name
    assert len(made["constraints"]) > 200


def test_every_table_and_column_is_commented(engine: Engine) -> None:
    found = catalogue(engine)
    assert [row[0] for row in found["tables"] if not row[-1]] == []
    assert [row[:2] for row in found["columns"] if not row[-1]] == []


def test_every_view_answers_and_is_commented(engine: Engine) -> None:
    with engine.connect() as connection:
        views = connection.execute(
            text("SELECT relname, obj_description(oid) FROM pg_class WHERE relkind = 'v' AND relname LIKE 'v\\_%'")
        ).all()
        assert len(views) >= 10
        for name, comment in views:
            assert comment
            connection.execute(text(f"SELECT * FROM {name}"))


def test_upgrading_twice_changes_nothing(engine: Engine, fresh_database_url: str) -> None:
    before = catalogue(engine)
    assert migrate.upgrade(fresh_database_url) == migrate.head()
    assert catalogue(engine) == before
    assert migrate.check_version(engine) == migrate.head()


def test_upgrades_at_once_wait_for_one_another(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url, ThreadPoolExecutor(4) as pool:
        assert set(pool.map(migrate.upgrade, [url] * 4)) == {migrate.head()}
        engine = engine_for(url)
        assert migrate.check_version(engine) == migrate.head()
        engine.dispose()


def test_an_empty_database_says_sluice_up(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        engine = engine_for(url)
        with pytest.raises(migrate.SchemaOlderError) as caught:
            migrate.check_version(engine)
        engine.dispose()
    assert str(caught.value).startswith("SCHEMA_OLDER: the database has no tables yet")
    assert "sluice up" in caught.value.next_step


def test_an_older_schema_says_sluice_up(engine: Engine) -> None:
    set_version(engine, "0001")
    with pytest.raises(migrate.SchemaOlderError) as caught:
        migrate.check_version(engine)
    assert (caught.value.found, caught.value.allowed.split()[0]) == ("0001", migrate.head())


def test_a_newer_schema_is_refused_and_untouched(engine: Engine, fresh_database_url: str) -> None:
    set_version(engine, "9999")
    before = catalogue(engine)
    with pytest.raises(migrate.SchemaNewerError) as checked:
        migrate.check_version(engine)
    with pytest.raises(migrate.SchemaNewerError) as upgraded:
        migrate.upgrade(fresh_database_url)
    for caught in (checked, upgraded):
        assert caught.value.code == "SCHEMA_NEWER"
        assert (caught.value.found, caught.value.allowed.split()[0]) == ("9999", migrate.head())
    assert catalogue(engine) == before


def test_a_held_table_stops_the_upgrade_in_time(
    engine: Engine, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_LIMIT", "50ms")
    monkeypatch.setattr("sluice.store.engine.WAITS", (0.0,))
    monkeypatch.setattr(migrate, "MONTHS_AHEAD", 15)
    with engine.connect() as holder:
        holder.execute(text("LOCK TABLE test_results_default IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DatabaseUnavailableError, match="lock timeout"):
            migrate.upgrade(fresh_database_url)
    assert migrate.upgrade(fresh_database_url) == migrate.head()


def test_the_reader_reads_and_cannot_write(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET ROLE sluice_reader"))
        assert connection.execute(text("SELECT count(*) FROM v_runs")).scalar_one() == 0
        assert connection.execute(text("SELECT count(*) FROM test_results")).scalar_one() == 0
        with pytest.raises(Exception, match="permission denied"):
            connection.execute(text("DELETE FROM audit_events"))


def test_months_ahead_have_partitions_and_a_strange_clock_a_place(engine: Engine) -> None:
    with engine.connect() as connection:
        query = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE :name"
        for table in ("test_results", "test_logs", "findings"):
            names = set(connection.execute(text(query), {"name": f"{table}%"}).scalars())
            assert f"{table}_default" in names
            assert len(names) == migrate.MONTHS_AHEAD + 2


def set_version(engine: Engine, version: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
