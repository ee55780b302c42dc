"""`sluice docs`: static sites of what is recorded."""

from __future__ import annotations

from pathlib import Path

import typer

from sluice.cli.ending import BRANCH, PROJECT, RUN
from sluice.cli.screen import out
from sluice.database import database
from sluice.errors import UsageError
from sluice.store.read import Reader

sites = typer.Typer(help="Write static sites of what is recorded.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(sites, name="docs")


@sites.callback()
def root() -> None:
    """Write static sites of what is recorded."""


@sites.command("quality")
def quality(
    run: str = RUN,
    folder: Path | None = typer.Option(None, "--folder", help="Where to; `quality-RUN` here if left out."),
    project: str | None = PROJECT,
    branch: str | None = BRANCH,
) -> None:
    """Write Great Expectations' Data Docs of what the boundaries of a run said.

    Example: `sluice docs quality latest --folder site`.
    """
    view = Reader(database()).resolve_run(run, project, branch)
    if not any(stage.checks for stage in view.stages):
        raise UsageError(f"run {view.id[:8]} came to no boundary", code="NO_CHECKS")
    from data_checks.docs import write_site

    target = (folder or Path(f"quality-{view.id[:8]}")).absolute()
    if target.exists() and any(target.iterdir() if target.is_dir() else [target]):
        raise UsageError("the folder is not empty", code="FOLDER_USED", where=str(target), next_step="Name another.")
    out.print(f"written: {write_site([view], target)}", markup=False)
