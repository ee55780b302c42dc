"""`sluice run`, `rollback`, `cancel`, `runs`: asking for a run and following it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import typer
from rich.markup import escape

from sluice.cli.follow import follow
from sluice.cli.report import show_end
from sluice.cli.screen import err, mark, out, seconds
from sluice.cli.watch import Watch
from sluice.config.load import load_project
from sluice.database import database
from sluice.errors import Exit, SluiceError, UsageError
from sluice.records.request import PipelineRequest, RollbackOrder, Trigger, project_name
from sluice.services.addresses import load
from sluice.services.lifecycle import ensure_up
from sluice.settings import Settings
from sluice.states import RunState
from sluice.store.read import Reader, RunView
from sluice.store.runs import RunStore
from sluice.tools import git
from sluice.tools.prefect_api import PrefectApi

PIPELINE, ROLLBACK = "pipeline/sluice", "rollback/sluice"


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
        trigger=Trigger.CLI,
        requested_by=getpass.getuser(),
        run_id=str(uuid4()),
    )
    return start_and_follow(request, wait=wait)


def _place(repository: str) -> str:
    """Return the top of the repository that a path lies in, having warned of what is not committed; or the URL."""
    if git.is_url(repository):
        git.check_url(repository)
        return repository
    top = git.top_level(Path(repository))
    _warn_uncommitted(top)
    return str(top)


def _warn_uncommitted(path: Path) -> None:
    changed = git.uncommitted(str(path))
    if changed:
        files = "file is" if changed == 1 else "files are"
        err.print(f"[yellow]note:[/] {changed} uncommitted {files} not part of this run; commit first to include them.")


def start_and_follow(request: PipelineRequest, *, wait: bool = True) -> int:
    """Ask Prefect for a pipeline run, follow it, show its end; return the exit code."""
    name = f"{Path(request.repository).name.removesuffix('.git')} {request.ref}"
    return _start(PIPELINE, name, {"request": request.model_dump(mode="json")}, request.row(), request.run_id, wait)


def _start(
    deployment: str,
    name: str,
    parameters: Mapping[str, object],
    row: Mapping[str, Any],
    run_id: str | None,
    wait: bool,
) -> int:
    assert run_id is not None, "the command line names its runs, to follow them"
    settings = Settings()
    ensure_up(settings, lambda line: err.print(escape(line), style="dim"))
    api = PrefectApi(load(settings))
    flow_run_id = _ordered(api, deployment, name, parameters, row, run_id)
    if not wait:
        out.print(f"run {run_id[:8]} · {api.flow_run_url(flow_run_id)}")
        return int(Exit.GREEN)
    watch = Watch(api, run_id, flow_run_id)
    view = _followed(watch, f"run {run_id[:8]} · {name}")
    show_end(view)
    return view.exit_code if view.exit_code is not None else int(Exit.INFRASTRUCTURE)


def _ordered(
    api: PrefectApi,
    deployment: str,
    name: str,
    parameters: Mapping[str, object],
    row: Mapping[str, Any],
    run_id: str,
) -> str:
    """Open the run's row and have Prefect run it; a row that nobody will work on is ended at once."""
    store = RunStore(database())
    store.open_run(run_id, **row)
    try:
        return api.create_flow_run(deployment, parameters, name=name, idempotency_key=run_id)
    except SluiceError as error:
        store.finish_run(run_id, RunState.ERRORED, str(error), int(error.exit_code))
        raise
    except KeyboardInterrupt:
        store.finish_run(run_id, RunState.CANCELLED, "CANCELLED: stopped before it began", int(Exit.CANCELLED))
        raise


def _followed(watch: Watch, waiting: str) -> RunView:
    """Follow to the end; the first Ctrl-C stops the run and goes on watching, a second one leaves."""
    told: set[str] = set()
    try:
        return follow(watch, waiting=waiting, told=told)
    except KeyboardInterrupt:
        err.print("\nStopping the run; it cleans up after itself (Ctrl-C again: leave it to the services) …")
        watch.cancel(getpass.getuser())
        return follow(watch, waiting="stopping …", told=told)


def rollback(
    environment: str = typer.Argument(..., help="Environment to roll back, e.g. staging."),
    to: str | None = typer.Option(None, "--to", help="Digest of the release to go to; the last good one if left out."),
    project: str | None = typer.Option(
        None, "--project", help="Project; if left out, the only one that has it, or the one here."
    ),
    reason: str = typer.Option("asked for by hand", "--reason", help="Why; recorded with the rollback."),
) -> int:
    """Put an environment back to a release that was good there, prove it, and fence the bad one.

    Examples: `sluice rollback staging` · `sluice rollback production --to sha256:1f2e3d`.
    """
    settings = Settings()
    load(settings)
    order = RollbackOrder(
        project=project or _project_of(environment),
        environment=environment,
        to_digest=to,
        reason=reason,
        trigger=Trigger.CLI,
        requested_by=getpass.getuser(),
        run_id=str(uuid4()),
    )
    name = f"rollback {order.project} {environment}"
    return _start(ROLLBACK, name, {"order": order.model_dump(mode="json")}, order.row(), order.run_id, wait=True)


def _project_of(environment: str) -> str:
    """Return the one project that has the environment; of several, the one whose repository we stand in."""
    reader = Reader(database())
    projects = reader.projects_with(environment)
    here = _project_here() if len(projects) > 1 else None
    if len(projects) == 1 or here in projects:
        return here if here in projects else projects[0]
    if not projects:
        known = sorted({view.environment for view in reader.environments()})
        raise UsageError(
            "nothing was ever deployed to an environment of this name",
            code="ENVIRONMENT_UNKNOWN",
            found=environment,
            allowed=", ".join(known) or "none yet",
            next_step="`sluice run` deploys what the routes in sluice.yaml say.",
        )
    raise UsageError(
        f"{len(projects)} projects have an environment {environment}",
        code="PROJECT_UNCLEAR",
        allowed=", ".join(projects),
        next_step="Name one with --project, or go to its repository.",
    )


def _project_here() -> str | None:
    try:
        top = git.top_level(Path())
        return load_project(top).config.project or project_name(str(top))
    except SluiceError:  # no repository, or a broken sluice.yaml: then somebody must name the project
        return None


def cancel(run_id: str = typer.Argument("latest", help="Run, or the beginning of its id.")) -> int:
    """Stop a run; what it started is cleaned up and its state becomes `cancelled`."""
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
    limit: int = typer.Option(20, "--limit", min=1, max=1000, help="How many."),
) -> None:
    """List the latest runs."""
    for view in Reader(database()).runs(project=project, limit=limit):
        sign, colour = mark(view.state)
        commit = (view.commit or "")[:10]
        out.print(
            f"[{colour}]{sign}[/] {view.id[:8]}  {view.project:<20} {view.ref:<16} {commit:<10} "
            f"[{colour}]{view.state:<11}[/] {seconds(view.seconds):>9}  {escape(view.reason or '')[:80]}"
        )
