"""`sluice settle` and `sluice fence`: putting an environment right by hand, and releases that must not come back."""

from __future__ import annotations

import getpass
from uuid import uuid4

import typer
from rich.markup import escape

from sluice.cli.projects import project_of
from sluice.cli.screen import out
from sluice.errors import UsageError
from sluice.services.addresses import load
from sluice.settings import Settings

fences = typer.Typer(no_args_is_help=True, help="Releases that were rolled back, and must not come back by accident.")


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command("settle")(settle)
    app.add_typer(fences, name="fence")


def settle(
    environment: str | None = typer.Argument(
        None, help="Environment; every one that a dead run left open if left out."
    ),
    project: str | None = typer.Option(None, "--project", help="Project, where several have such an environment."),
) -> None:
    """Bring an environment to exactly one serving release, as it was deployed last.

    After a run that died, the services do so by themselves within a minute. By hand it also puts back what somebody
    changed past every deploy (D04).

    Examples: `sluice settle` · `sluice settle staging`.
    """
    from sluice.database import database
    from sluice.stages.deploy import open_world, repair
    from sluice.store.journal import Journal

    settings = Settings()
    load(settings)
    named = [(project or project_of(environment), environment)] if environment else None
    open_ones = named or Journal(database()).unsettled()
    for owner, name in open_ones:
        release = repair(open_world(settings), owner, name, run_id=str(uuid4()), log=_say)
        serves = f"{release.digest[:19]} ({release.version}) serves" if release else "nothing ever was good here"
        out.print(f"{owner} {name}: {serves}", markup=False)
    if not open_ones:
        out.print("Nothing is left open: every environment is settled.")


def _say(line: str) -> None:
    out.print(f"[dim]{escape(line)}[/]")


@fences.command("list")
def list_fences(
    environment: str | None = typer.Argument(None, help="Only this environment."),
    project: str | None = typer.Option(None, "--project", help="Only this project."),
) -> None:
    """List the releases that are fenced, with the reason.

    Example: `sluice fence list production`.
    """
    from sluice.database import database
    from sluice.store.journal import Journal

    found = Journal(database()).fences(project, environment)
    for fence in found:
        where = f"{fence.project} {fence.environment}"
        out.print(f"{fence.digest[:19]}  {where:<30} since {fence.since:%F %H:%M} UTC  {escape(fence.reason)}")
    if not found:
        out.print("No release is fenced.")


@fences.command("lift")
def lift(
    release: str = typer.Argument(..., help="Digest of the release, or its beginning."),
    environment: str = typer.Argument(..., help="Where it is fenced."),
    reason: str = typer.Option(..., "--reason", help="Why it may come back; recorded with your name."),
    project: str | None = typer.Option(None, "--project", help="Project, where several have such an environment."),
) -> None:
    """Let a fenced release be deployed again; who, when and why goes into the audit trail.

    Example: `sluice fence lift sha256:1f2e3d staging --reason "the database was down, not the release"`.
    """
    from sluice.database import database
    from sluice.store.journal import Journal

    journal, owner = Journal(database()), project or project_of(environment)
    if len(reason.strip()) < SHORTEST:
        raise UsageError(
            "say why the release may come back",
            code="REASON_MISSING",
            where="--reason",
            found=reason,
            allowed=f"at least {SHORTEST} characters",
        )
    found = [each for each in journal.fences(owner, environment) if each.digest.startswith(_digest(release))]
    if len(found) != 1:
        raise UsageError(
            f"{'several releases' if found else 'no release'} so named {'are' if found else 'is'} fenced here",
            code="FENCE_UNKNOWN" if not found else "RELEASE_UNCLEAR",
            where=f"{owner} {environment}",
            found=release,
            next_step="`sluice fence list` shows them.",
        )
    journal.unfence(owner, environment, found[0].digest, getpass.getuser(), reason.strip())
    out.print(f"{found[0].digest[:19]} may be deployed to {environment} of {owner} again.", markup=False)


SHORTEST = 8  # characters of a reason


def _digest(beginning: str) -> str:
    return beginning if beginning.startswith("sha256:") else f"sha256:{beginning}"
