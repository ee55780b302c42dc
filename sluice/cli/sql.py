"""`sluice sql`: ask the database, read-only."""

from __future__ import annotations

import os

import typer

from sluice import command
from sluice.errors import UsageError
from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.tools.resolve import locate

SQL_SECONDS = 600.0


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("sql")(sql)


def sql(query: str | None = typer.Argument(None, help="A query; without one, an interactive psql opens.")) -> None:
    """Ask the database, read-only: `sluice sql "select * from v_runs limit 5"`."""
    words = [str(locate("postgres").with_name("psql")), load(Settings()).database_url]
    words += ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--pset=pager=off"]
    os.environ["PGOPTIONS"] = "-c default_transaction_read_only=on -c role=sluice_reader"
    if query is None:
        os.execv(words[0], words)  # noqa: S606 - psql takes the terminal over
    done = command.run([*words, "--command", query], timeout=SQL_SECONDS, accept=None)
    typer.echo(done.output, nl=False)
    if done.exit_code:
        raise UsageError(
            (done.errors.splitlines() or ["psql did not end in time"])[0].removeprefix("ERROR:").strip(),
            code="SQL_REFUSED",
            next_step="`sluice sql '\\d v_runs'` shows the columns of a view; nothing can be changed here.",
        )
