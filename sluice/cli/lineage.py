"""`sluice lineage`: where a release came from and where it went."""

from __future__ import annotations

import json

import typer

from sluice.cli.report_sections import node_lines
from sluice.cli.screen import out
from sluice.database import database
from sluice.report.document import plain_data
from sluice.report.lineage import tree
from sluice.store.lineage import find_release, lineage


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("lineage")(show)


def show(
    digest: str = typer.Argument(..., help="Release: its digest, or the first characters, with or without `sha256:`."),
    project: str | None = typer.Option(None, "--project", help="Only of this project."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
) -> None:
    """Show the way of a release: what asked for it, commit, tests, build, scan, deployments, rollbacks.

    The same in SQL: `select * from v_lineage where release_digest = 'sha256:…'`.
    """
    edges, things = lineage(database(), find_release(database(), digest, project), project)
    nodes = tree(edges, things)
    if as_json:
        typer.echo(json.dumps(plain_data(nodes), indent=2))
        return
    for line in node_lines(nodes):
        out.print(line)
