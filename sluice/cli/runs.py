"""`sluice run`, `rollback`, `cancel`, `runs`: asking for a run and following it."""

from __future__ import annotations

import getpass
from pathlib import Path
from uuid import uuid4

import typer
from rich.markup import escape

from sluice.cli.projects import project_of
from sluice.cli.screen import err, mark, out, seconds
from sluice.cli.start import ROLLBACK, start, start_and_follow
from sluice.errors import Exit, UsageError
from sluice.records.request import PipelineRequest, RollbackOrder, Trigger
from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.states import RunState
from sluice.tools import git

REASON_WIDTH = 80

# The commands import what speaks to Postgres when they need it: `run` does so while its worker wakes up.


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command("run")(run)
    app.command("rollback")(rollback)
    app.command("cancel")(cancel)
    app.command("runs")(runs)


def run(
    repository: str = typer.Argument(".", help="Path inside a git repository, or an https or ssh URL."),
    ref: str = typer.Option("HEAD", "--ref", help="Branch, tag or commit."),
    pull_request: bool = typer.Option(False, "--pull-request", help="Test, build and scan only; never deploy."),
    base: str | None = typer.Option(None, "--base", help="What the change is compared with."),
    fresh: bool = typer.Option(False, "--fresh", help="Reuse no earlier result."),
    allow_downgrade: bool = typer.Option(
        False, "--allow-downgrade", help="Deploy the commit even when it is older than the one that runs."
    ),
    wait: bool = typer.Option(True, "--wait/--no-wait", help="Follow the run to its end."),
) -> int:
    """Take a commit through the pipeline and follow it; exit code 0 only when the run is green.

    Examples: `sluice run` (the current branch here) · `sluice run --ref v1.2.0` · `sluice run --pull-request`.
    """
    git.check_ref(ref)
    place = _place(repository)
    request = PipelineRequest(
        repository=place,
        ref=ref,
        pull_request=pull_request,
        base_ref=base,
        fresh=fresh,
        allow_downgrade=allow_downgrade,
        trigger=Trigger.CLI,
        requested_by=getpass.getuser(),
        run_id=str(uuid4()),
    )
    return start_and_follow(request, wait=wait, meanwhile=lambda: _warn_uncommitted(place))


def _place(repository: str) -> str:
    """Return the top of the repository that a path lies in; or the URL."""
    if git.is_url(repository):
        git.check_url(repository)
        return repository
    return str(git.top_level(Path(repository)))


def _warn_uncommitted(place: str) -> None:
    changed = 0 if git.is_url(place) else git.uncommitted(place)
    if changed:
        files = "file is" if changed == 1 else "files are"
        err.print(f"[yellow]note:[/] {changed} uncommitted {files} not part of this run; commit first to include them.")


def rollback(
    environment: str = typer.Argument(..., help="Environment to roll back, e.g. staging."),
    to: str | None = typer.Option(None, "--to", help="Digest of the release to go to; the last good one if left out."),
    project: str | None = typer.Option(
        None, "--project", help="Project; if left out, the only one that has it, or the one here."
    ),
    restore_backup: bool = typer.Option(
        False, "--restore-backup", help="Put back the backup before newer migrations: what was written since is lost."
    ),
    reason: str = typer.Option("asked for by hand", "--reason", help="Why; recorded with the rollback."),
) -> int:
    """Put an environment back to a release that was good there, prove it, and fence the bad one.

    With `--restore-backup` the database that is replaced is kept beside it, and the log names the tables that differ.

    Examples: `sluice rollback staging` · `sluice rollback production --to sha256:1f2e3d`.
    """
    settings = Settings()
    load(settings)
    order = RollbackOrder(
        project=project or project_of(environment),
        environment=environment,
        to_digest=to,
        restore_backup=restore_backup,
        reason=reason,
        trigger=Trigger.CLI,
        requested_by=getpass.getuser(),
        run_id=str(uuid4()),
    )
    name = f"rollback {order.project} {environment}"
    return start(ROLLBACK, name, {"order": order.model_dump(mode="json")}, order.row(), order.run_id, wait=True)


def cancel(run_id: str = typer.Argument("latest", help="Run, or the beginning of its id.")) -> int:
    """Stop a run; what it started is cleaned up and its state becomes `cancelled`."""
    from sluice.database import database
    from sluice.store.read import Reader
    from sluice.store.runs import RunStore
    from sluice.tools.prefect_api import PrefectApi

    view = Reader(database()).resolve_run(run_id)
    if RunState(view.state).terminal:
        raise UsageError(f"run {view.id[:8]} has already ended ({view.state})", code="RUN_ENDED")
    store = RunStore(database())
    store.request_cancel(view.id, getpass.getuser())
    if view.prefect_flow_run_id is not None:
        PrefectApi(load(Settings())).cancel(view.prefect_flow_run_id)
    else:  # nobody has begun it; whoever does finds it ended
        store.finish_run(view.id, RunState.CANCELLED, "CANCELLED: stopped before it began", int(Exit.CANCELLED))
    out.print(f"run {view.id[:8]} is being stopped")
    return int(Exit.GREEN)


def runs(
    project: str | None = typer.Option(None, "--project", help="Only this project."),
    branch: str | None = typer.Option(None, "--branch", help="Only this branch or tag."),
    limit: int = typer.Option(20, "--limit", min=1, max=1000, help="How many."),
) -> None:
    """List the latest runs."""
    from sluice.database import database
    from sluice.store.read import Reader

    found = Reader(database()).runs(project=project, limit=limit, branch=branch)
    for view in found:
        sign, colour = mark(view.state)
        commit = (view.commit or "")[:10]
        why = (view.reason.splitlines() or [""])[0][:REASON_WIDTH]
        out.print(
            f"[{colour}]{sign}[/] {view.id[:8]}  {view.project:<20} {view.ref:<16} {commit:<10} "
            f"[{colour}]{view.state:<11}[/] {seconds(view.seconds):>9}  {escape(why)}".rstrip()
        )
    if not found:
        out.print("No run yet: `sluice run` in a repository starts one.")
