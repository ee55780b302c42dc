"""How a run begins and ends on the screen, and where to look next."""

from __future__ import annotations

import typer
from rich.markup import escape

from sluice.cli.screen import mark, out, seconds
from sluice.report.words import plain
from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.states import CheckStatus, RunState, Severity, StageName
from sluice.store.views import RunView

RESUMABLE = (RunState.ERRORED, RunState.LOST, RunState.CANCELLED)  # what may end otherwise without another commit
RUN = typer.Argument("latest", help="Run: `latest`, an id, or its first characters.")
PROJECT = typer.Option(None, "--project", help="The newest run of this project.")
BRANCH = typer.Option(None, "--branch", help="The newest run of this branch or tag.")


def show_head(view: RunView) -> None:
    """Print what the run was about."""
    sign, colour = mark(view.state)
    ref, commit = escape(plain(view.ref)), (view.commit or "")[:10]
    out.print(f"[bold {colour}]{sign} {view.state}[/]  {escape(view.project)} {ref} {commit}  run {view.id}")
    if view.subject:
        out.print(f"  {plain(view.subject)}", markup=False, style="dim")
    if view.resumes:
        out.print(f"  resumes run {view.resumes[:8]}", style="dim")


def show_end(view: RunView) -> None:
    """Print how a run ended, why, and where to look next."""
    sign, colour = mark(view.state)
    told = any(stage.reason == view.reason for stage in view.stages)  # under its stage
    out.print()
    out.print(f"[bold {colour}]{sign} {view.state}[/] in {seconds(view.seconds)} · exit code {view.exit_code}")
    for line in () if told else plain(view.reason).splitlines():
        out.print(f"  {line}", markup=False, style=colour)
    serving = next((stage.headline for stage in view.stages if stage.stage == StageName.DEPLOY), "")
    if serving and view.state == RunState.PASSED:
        out.print(f"  {serving}", markup=False)
    if warnings := _warnings(view):
        out.print(f"  warned of {', '.join(warnings)}", markup=False, style="yellow")
    logs_too = "" if view.state == RunState.PASSED else f"   ·   sluice logs {view.id[:8]}"
    logs_too += f"   ·   sluice resume {view.id[:8]}" if view.commit and view.state in RESUMABLE else ""
    out.print(f"  sluice report {view.id[:8]}{logs_too}", markup=False, style="dim")


def _warnings(view: RunView) -> list[str]:
    """Return what the boundaries warned of, and let pass."""
    return [
        f"{check.code} {check.name} ({stage.stage})"
        for stage in view.stages
        for check in stage.checks
        if (check.status, check.severity) == (CheckStatus.FAILED, Severity.WARN)
    ]


def where_to_look(view: RunView) -> str:
    """Return the places that know more: the Prefect UI with its login, the report, the SQL to try."""
    addresses = load(Settings())
    login = f"   login {addresses.prefect_auth}" if addresses.prefect_auth else ""
    question = "select stage, code, name, status, expected, observed from v_checks where status = 'failed'"
    return "\n".join(
        (
            f"Prefect UI   {addresses.prefect_ui_url}{login}",
            f"a run        sluice report {view.id[:8]}",
            f"its logs     sluice logs {view.id[:8]} test",
            f'the SQL      sluice sql "{question}"',
        )
    )
