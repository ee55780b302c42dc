"""The role that only reads, as a login of its own; `sluice sql` speaks as it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from sluice.services.reader import let_reader_in
from tests.postgres.command_line import Answer, command_line
from tests.postgres.parts import a_run
from tests.postgres.test_ingest import contents

pytestmark = pytest.mark.postgres
WRITES = (
    "INSERT INTO projects (name, repository) VALUES ('x', '/x')",
    "UPDATE pipeline_runs SET reason = 'x'",
    "DELETE FROM audit_events",
    "TRUNCATE findings",
    "DROP TABLE findings",
    "CREATE TABLE x (y int)",
    "CREATE TEMPORARY TABLE x (y int)",
    "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA x",
    "SELECT lo_create(0)",
    "COPY projects TO PROGRAM 'cat'",
    "COPY projects TO '/tmp/x'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT sluice_make_partitions(20)",
    "SELECT sluice_drop_month('findings_default', now())",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE sluice_reader SUPERUSER",
)


@pytest.fixture
def reader(database_url: str) -> Iterator[psycopg.Connection]:
    """A session of the role itself, which has taken off what it may take off."""
    plain = database_url.replace("+psycopg", "")
    let_reader_in(plain, "its'password")
    with psycopg.connect(plain.replace("postgres@", "sluice_reader@"), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("statement", WRITES)
def test_the_reader_changes_nothing_by_any_way(reader: psycopg.Connection, engine: Engine, statement: str) -> None:
    a_run(engine)
    before = contents(engine)
    reader.execute("RESET ROLE")
    reader.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement)  # type: ignore[call-overload]
    assert contents(engine) == before


def test_the_reader_reads_everything_within_its_limits(reader: psycopg.Connection, engine: Engine) -> None:
    a_run(engine)
    assert reader.execute("SELECT count(*) FROM v_runs").fetchone() == (1,)
    tables = reader.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    assert len(tables) > 40
    for (name,) in tables:
        reader.execute(psycopg.sql.SQL("SELECT * FROM {} LIMIT 0").format(psycopg.sql.Identifier(name)))
    limits = {
        name: reader.execute(f"SHOW {name}").fetchone()
        for name in ("statement_timeout", "default_transaction_read_only", "idle_in_transaction_session_timeout")  # type: ignore[call-overload]
    }
    assert limits == {
        "statement_timeout": ("1min",),
        "default_transaction_read_only": ("on",),
        "idle_in_transaction_session_timeout": ("5min",),
    }


@pytest.fixture
def sluice(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Answer]]:
    with command_line(database_url, tmp_path / "home", monkeypatch, capsys) as sluice:
        yield sluice


def test_sql_answers_as_table_csv_and_json(sluice: Callable[..., Answer], engine: Engine) -> None:
    run_id = a_run(engine)
    query = "select run_id, state, exit_code, started_at is not null as begun from v_runs"
    status, out, err = sluice("sql", query)
    assert (status, err) == (0, "")
    assert [cell.strip() for cell in out.splitlines()[2].split("|")] == [run_id, "running", "", "t"]
    assert sluice("sql", "--csv", query) == (0, f"run_id,state,exit_code,begun\n{run_id},running,,t\n", "")
    status, out, err = sluice("sql", "--json", query)
    assert json.loads(out) == [{"run_id": run_id, "state": "running", "exit_code": None, "begun": True}]
    assert sluice("sql", "--json", "select 1 where false") == (0, "[\n]\n", "")


@pytest.mark.parametrize("form", [(), ("--csv",), ("--json",)])
def test_sql_refuses_what_it_cannot_do(sluice: Callable[..., Answer], engine: Engine, form: tuple[str, ...]) -> None:
    before = contents(engine)
    for statement, told in (
        ("delete from projects", "cannot execute DELETE in a read-only transaction"),
        ("select * frm x", "syntax error"),
        ("set statement_timeout = '50ms'; select pg_sleep(9)", "statement timeout"),
    ):
        status, out, err = sluice("sql", *form, statement)
        assert (status, out.replace("SET\n", "")) == (2, "")
        assert err.startswith("SQL_REFUSED: ")
        assert told in err
    assert contents(engine) == before


def test_sql_speaks_as_the_reader(sluice: Callable[..., Answer]) -> None:
    query = "select current_user::text as who, current_setting('statement_timeout') as wait"
    assert json.loads(sluice("sql", "--json", query)[1]) == [{"who": "sluice_reader", "wait": "1min"}]
    assert sluice("sql", "--csv")[0] == 2
    assert sluice("sql", "--csv", "--json", query)[0] == 2


def test_the_password_is_not_on_a_command_line(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[object] = []

    def taking_over(*words: object) -> None:
        taken.extend(words)
        raise SystemExit

    monkeypatch.setattr("os.execve", taking_over)
    with_password = database_url.replace("postgres@", "postgres:hush%2Fhush@")
    with command_line(with_password, tmp_path / "home", monkeypatch, capsys) as sluice, pytest.raises(SystemExit):
        sluice("sql")
    _program, words, environment = taken
    assert "hush" not in str(words)
    assert environment["PGPASSWORD"] == "hush/hush"  # type: ignore[index]
