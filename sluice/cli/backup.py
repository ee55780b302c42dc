"""`sluice backup`: the backups of the services' databases, and the proof that they can be restored."""

from __future__ import annotations

import json

import typer

from sluice.cli.screen import out
from sluice.errors import ContractRejectedError
from sluice.settings import Settings

backups = typer.Typer(no_args_is_help=True, help="Backups of the services' databases, one before each migration.")


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(backups, name="backup")


@backups.command("list")
def list_backups(
    environment: str | None = typer.Argument(None, help="Only this environment."),
    project: str | None = typer.Option(None, "--project", help="Only this project."),
    as_json: bool = typer.Option(False, "--json", help="As JSON, with every table."),
) -> None:
    """List the backups, newest first, and what the last proof of each showed.

    Example: `sluice backup list production`.
    """
    from sluice.database import database
    from sluice.store.journal import Journal

    views = Journal(database()).backups(project, environment)
    if as_json:
        told = [{**view.backup.model_dump(mode="json"), "problem": view.problem} for view in views]
        typer.echo(json.dumps(told, indent=2))
        return
    for view in views:
        made = view.backup
        proof = "not proved yet" if view.problem is None else view.problem or f"proved {view.verified_at:%F %H:%M}"
        state = f"removed {view.removed_at:%F %H:%M}" if view.removed_at else proof
        where = f"{made.project} {made.environment}"
        line = f"{made.id[:8]}  {made.taken_at:%F %H:%M} UTC  {where:<30} {made.version:<14} {made.rows:>9} rows  "
        out.print(f"{line}{made.size:>11} bytes  {state}", markup=False)
    if not views:
        out.print("There is no backup yet: one is taken before each migration (`migrate` in sluice.yaml).")


@backups.command("verify")
def verify_backups(
    backup: str | None = typer.Argument(None, help="Backup, or the beginning of its id; each newest one if left out."),
    project: str | None = typer.Option(None, "--project", help="Only backups of this project."),
) -> None:
    """Prove backups: checksum, and a restore aside whose rows and schema are what was dumped (R04).

    The server of the environment's database is used, so its secret must be known here. Exit code 16 when one is bad.

    Examples: `sluice backup verify` · `sluice backup verify 1f2e3d4c`.
    """
    from sluice.database import database
    from sluice.services.backups import chosen, prove
    from sluice.store.journal import Journal

    bad = []
    for made in chosen(Journal(database()).backups(project), backup):
        proof = prove(Settings(), made)
        bad += [f"{made.id[:8]}: {proof.problem}"] if proof.problem else []
        told = proof.problem or f"{len(made.tables)} tables, {made.rows} rows restored in {proof.seconds:.1f} s"
        out.print(f"{made.id[:8]}  {made.project} {made.environment}: {told}", markup=False)
    if bad:
        raise ContractRejectedError(
            "; ".join(bad),
            code="BACKUP_CORRUPT",
            allowed="R04: what was dumped",
            next_step="Take a new backup with the next deploy; keep the file for whoever looks into it.",
        )
