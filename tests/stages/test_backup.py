"""Backups of a service's database on a real server: taken, proved by restoring them, and put back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from sluice.records.backup import Backup, TableContent
from sluice.settings import Home
from sluice.stages import backup as stage
from sluice.tools.postgres_client import DumpError, Programs, dump, programs
from sluice.tools.postgres_tables import snapshot
from tests.app_database import UP, VERSION, AppDatabase, app_database
from tests.postgres_server import PostgresServer, running_postgres

SECONDS = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def shop(server: PostgresServer) -> Iterator[AppDatabase]:
    with app_database(server) as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


def taken(shop: AppDatabase, home: Home) -> Backup:
    return stage.take(shop.place, VERSION, home, "greeter", "staging", SECONDS)


def file_of(backup: Backup, home: Home) -> Path:
    return stage.path_of(home, "greeter", "staging", backup.id)


def test_a_backup_says_what_is_in_it_and_only_its_owner_reads_it(shop: AppDatabase, home: Home) -> None:
    backup = taken(shop, home)

    assert {table.name: table.rows for table in backup.tables} == {
        'public.Odd "name': 2,
        "public.orders": 200,
        "public.totals": 1,
        "public.version": 1,
    }
    assert (backup.version, backup.rows, backup.server) == ("1", 204, int(backup.tool.partition(".")[0]))
    assert file_of(backup, home).stat().st_mode & 0o777 == 0o600
    assert file_of(backup, home).stat().st_size == backup.size
    assert list(file_of(backup, home).parent.glob("*.part")) == []


def test_a_restored_backup_is_what_was_dumped(shop: AppDatabase, home: Home) -> None:
    backup = taken(shop, home)
    shop.execute("DELETE FROM orders")  # what is there now plays no part

    proof = stage.verify(backup, shop.place, home, SECONDS)

    assert proof.problem == ""
    assert shop.beside() == []


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("harm", "told"),
    [(flipped, "its file has sha256"), (cut, "bytes, and had"), (Path.unlink, "its file is gone")],
)
def test_a_changed_file_is_told(shop: AppDatabase, home: Home, harm: Callable[[Path], None], told: str) -> None:
    backup = taken(shop, home)
    harm(file_of(backup, home))

    assert told in stage.verify(backup, shop.place, home, SECONDS).problem


def another(backup: Backup, table: str, **changed: object) -> Backup:
    """The backup as somebody would write it who counts otherwise."""
    tables = [each.model_copy(update=changed) if each.name == table else each for each in backup.tables]
    return backup.model_copy(update={"tables": tuple(tables)})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rows": 201}, "public.orders has 201 rows dumped, 200 restored"),
        ({"content": "7"}, "public.orders has other content in its 200 rows"),
        ({"name": "public.gone"}, "public.gone is only there dumped"),
    ],
)
def test_a_restore_with_other_rows_is_told(
    shop: AppDatabase, home: Home, changed: dict[str, object], told: str
) -> None:
    backup = another(taken(shop, home), "public.orders", **changed)

    assert told in stage.verify(backup, shop.place, home, SECONDS).problem
    assert shop.beside() == []


def test_another_schema_is_told(shop: AppDatabase, home: Home) -> None:
    backup = taken(shop, home).model_copy(update={"schema_sha256": "0" * 64})

    assert "the restored schema" in stage.verify(backup, shop.place, home, SECONDS).problem


def test_a_dump_that_cannot_be_read_is_told_by_the_program(shop: AppDatabase, home: Home) -> None:
    """Its digest is right: it was bad when it was written."""
    backup, broken = taken(shop, home), b"PGDMP and nothing else"
    file_of(backup, home).write_bytes(broken)
    backup = backup.model_copy(update={"sha256": sha256(broken).hexdigest(), "size": len(broken)})

    assert "pg_restore ended with exit code" in stage.verify(backup, shop.place, home, SECONDS).problem
    assert shop.beside() == []


def test_putting_back_replaces_the_database_and_keeps_what_it_was(shop: AppDatabase, home: Home) -> None:
    backup = taken(shop, home)
    shop.execute(UP)
    shop.execute("INSERT INTO orders (id, customer) VALUES (201, 'late')")
    with psycopg.connect(shop.url) as client:
        client.execute("SELECT 1")
        assert "public.orders has 200 rows then, 201 now" in stage.lost_rows(backup, shop.place)

        assert stage.put_back(backup, shop.place, home, SECONDS) == ""

        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    assert (shop.value(VERSION), shop.value("SELECT count(*) FROM orders")) == (1, 200)
    (kept,) = shop.beside()
    old = AppDatabase(shop.url.replace(shop.place.name, kept))
    assert (old.value(VERSION), old.value("SELECT count(*) FROM orders")) == (2, 201)
    assert stage.was_put_back(backup, shop.place)


def test_a_bad_backup_replaces_nothing(shop: AppDatabase, home: Home) -> None:
    backup = taken(shop, home)
    flipped(file_of(backup, home))
    shop.execute(UP)

    assert "sha256" in stage.put_back(backup, shop.place, home, SECONDS)
    assert (shop.value(VERSION), shop.beside()) == (2, [])
    assert not stage.was_put_back(backup, shop.place)


def test_what_a_killed_restore_left_goes(shop: AppDatabase, home: Home) -> None:
    backup = taken(shop, home)
    shop.execute(f"CREATE DATABASE {shop.place.name[:30]}_scratch_{backup.id[:8]}_1")
    (file_of(backup, home).parent / "half.part").touch()

    assert stage.verify(backup, shop.place, home, SECONDS).problem == ""
    taken(shop, home)

    assert shop.beside() == []
    assert list(file_of(backup, home).parent.glob("*.part")) == []


def test_the_schema_has_one_digest_whatever_is_in_it(shop: AppDatabase, home: Home) -> None:
    first = stage.schema_of(shop.place, VERSION, home, SECONDS)
    shop.execute("DELETE FROM orders")
    second = stage.schema_of(shop.place, VERSION, home, SECONDS)
    shop.execute("DROP TABLE version CASCADE")
    third = stage.schema_of(shop.place, VERSION, home, SECONDS)

    assert (first.version, first) == ("1", second)
    assert third.version == ""
    assert third.sha256 != first.sha256


def test_a_failed_dump_leaves_no_file(shop: AppDatabase, home: Home, tmp_path: Path) -> None:
    with snapshot(shop.place) as moment:
        pair = programs(moment.server, home.cache)
        with pytest.raises(DumpError, match="ended with exit code 1"):
            dump(pair, shop.place.of("nowhere"), tmp_path / "d", moment.name, SECONDS)

    assert not (tmp_path / "d").exists()
    assert isinstance(pair, Programs)


def test_differences_are_told_in_words() -> None:
    many = tuple(TableContent(name=f"t{n}", rows=n, content="") for n in range(7))

    assert stage.differences(many, (), "a", "b").endswith("t4 is only there a and 2 tables more")
    assert stage.differences(many, many, "a", "b") == ""
