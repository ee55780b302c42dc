"""`sluice clean`: remove what nobody used for a while."""

from __future__ import annotations

import getpass

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
    keep_days: int | None = typer.Option(
        None,
        "--keep-days",
        min=31,
        help="Days that test results, stored logs and findings are kept; else SLUICE_KEEP_DAYS.",
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would go, and remove nothing."),
) -> None:
    """Remove workspaces, environments, mirrors, artifacts and logs that nobody used for a while.

    What serves, the last five good releases of each environment, each project's newest accepted results and whatever
    a running pipeline may need stay. Whole months of test results, stored logs and findings that ended SLUICE_KEEP_DAYS
    ago are dropped from the database; their roll-ups stay. The reconciler does the same by itself.

    Examples: `sluice clean --dry-run` · `sluice clean --older-than 7d`.
    """
    seconds = _seconds(older_than)
    from sluice.database import database
    from sluice.services.clean import CleanUp
    from sluice.store.needed import needed

    settings = Settings()
    _months(keep_days or settings.keep_days, dry_run=dry_run)
    freed = CleanUp(settings.home, needed(database()), seconds, dry_run=dry_run).run()
    for part in freed:
        out.print(f"{part.part:<14}{part.things:>7}  {_bytes(part.size):>10}", markup=False, highlight=False)
    total = _bytes(sum(part.size for part in freed))
    out.print(f"{'would free' if dry_run else 'freed'} {total}, unused for {older_than} or more", markup=False)


def _months(days: int, *, dry_run: bool) -> None:
    from sluice.database import database
    from sluice.store.months import delete_strays, drop_old_months, old_months

    engine = database()
    for month in old_months(engine, days) if dry_run else drop_old_months(engine, days, getpass.getuser()):
        out.print(f"{month.partition:<21} {_bytes(month.bytes):>10}", markup=False, highlight=False)
    strays = 0 if dry_run else delete_strays(engine, days)
    if strays:
        out.print(f"{strays} rows outside of any month", markup=False)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(
            "this is no age", code="AGE", where="--older-than", found=text, allowed=DURATION, next_step="Give e.g. 30d."
        ) from error


def _bytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
