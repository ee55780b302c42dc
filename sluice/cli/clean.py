"""`sluice clean`: remove what nobody used for a while."""

from __future__ import annotations

import typer

from sluice.cli.screen import out
from sluice.config.units import DURATION, parse_duration
from sluice.errors import UsageError
from sluice.settings import Settings


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("clean")(clean)


def clean(
    older_than: str = typer.Option("30d", "--older-than", help="Unused for so long, e.g. 12h or 30d."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would go, and remove nothing."),
) -> None:
    """Remove workspaces, environments, mirrors, artifacts and logs that nobody used for a while.

    What serves, the last five good releases of each environment, each project's newest accepted results and whatever
    a running pipeline may need stay. The reconciler does the same once a day.

    Examples: `sluice clean --dry-run` · `sluice clean --older-than 7d`.
    """
    seconds = _seconds(older_than)
    from sluice.database import database
    from sluice.services.clean import CleanUp
    from sluice.store.needed import needed

    settings = Settings()
    freed = CleanUp(settings.home, needed(database()), seconds, dry_run=dry_run).run()
    for part in freed:
        out.print(f"{part.part:<14}{part.things:>7}  {_bytes(part.size):>10}", markup=False, highlight=False)
    total = _bytes(sum(part.size for part in freed))
    out.print(f"{'would free' if dry_run else 'freed'} {total}, unused for {older_than} or more", markup=False)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(
            "this is no age", code="AGE", where="--older-than", found=text, allowed=DURATION, next_step="Give e.g. 30d."
        ) from error


def _bytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
