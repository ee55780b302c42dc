"""`sluice sql`: ask the database, read-only."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import typer

from sluice import command
from sluice.database import database
from sluice.errors import ToolMissingError, UsageError
from sluice.services.reader import ReaderLogin, reader_login
from sluice.settings import Settings
from sluice.store.migrate import check_version
from sluice.tools.programs import find

SQL_SECONDS = 600.0
PSQL_WORDS = ("--no-psqlrc", "--set=ON_ERROR_STOP=1", "--pset=pager=off")
NEXT_STEP = "`sluice sql '\\d v_runs'` shows the columns of a view; nothing can be changed here."


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("sql")(sql)


def sql(
    query: str | None = typer.Argument(None, help="A query; without one, an interactive psql opens."),
    as_csv: bool = typer.Option(False, "--csv", help="Print CSV with a header."),
    as_json: bool = typer.Option(False, "--json", help="Print a JSON list of objects."),
) -> None:
    """Ask the database, read-only: `sluice sql "select * from v_runs limit 5"`.

    The session is the role sluice_reader: it reads all tables and views, changes nothing, and ends a statement after
    60 s. docs/tables.md has the views, docs/cookbook.md questions with their answers.
    """
    if query is None and (as_csv or as_json):
        raise UsageError("--csv and --json need a query", next_step='sluice sql --csv "select * from v_runs"')
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other", next_step="Leave one of them out.")
    check_version(database())
    login = reader_login(Settings())
    if query is None:
        _psql_takes_over(login)
    if as_json:
        for line in _json(login, query):
            typer.echo(line)
        return
    words = [*_psql(login), *(["--csv"] if as_csv else []), "--command", query]
    done = command.run(words, env={**os.environ, **login.environment}, timeout=SQL_SECONDS, accept=None)
    typer.echo(done.output, nl=False)
    if done.exit_code:
        raise _refused((done.errors.splitlines() or ["psql did not end in time"])[0])


def _psql(login: ReaderLogin) -> list[str]:
    beside = find("postgres").with_name("psql")
    found = str(beside) if beside.is_file() else shutil.which("psql")
    if found is None:
        raise ToolMissingError("there is no psql", next_step="Install a Postgres client, or use --json.")
    return [found, *PSQL_WORDS, login.url]


def _psql_takes_over(login: ReaderLogin) -> NoReturn:
    words = _psql(login)
    os.execve(Path(words[0]), words, {**os.environ, **login.environment})  # noqa: S606 - it takes the terminal over


def _json(login: ReaderLogin, query: str) -> Iterator[str]:
    """Yield the rows, an object a line, so that neither side needs to hold them all."""
    import psycopg
    from psycopg.rows import dict_row

    try:
        connection = psycopg.connect(login.url, password=login.password, options=login.options, row_factory=dict_row)
        with connection, connection.cursor() as cursor:
            cursor.execute(query.encode())  # a person's own words, as a reader who cannot write
            rows: list[dict[str, Any]] = cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        raise _refused(str(error).splitlines()[0]) from error
    yield "["
    for place, row in enumerate(rows, start=1):
        yield json.dumps(row, default=_plain, ensure_ascii=False) + ("," if place < len(rows) else "")
    yield "]"


def _plain(value: Any) -> Any:
    """Return times as ISO 8601, and whatever else JSON does not know as text."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _refused(message: str) -> UsageError:
    return UsageError(message.removeprefix("ERROR:").strip(), code="SQL_REFUSED", next_step=NEXT_STEP)
