"""`sluice why`: why a stage ran or was reused."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from sluice.cli.ending import RUN
from sluice.cli.screen import out
from sluice.database import database
from sluice.errors import UsageError
from sluice.report.words import short
from sluice.states import StageName, StageState
from sluice.store.read import Reader
from sluice.store.views import InputChange


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("why")(why)


def why(run: str = RUN, stage: StageName = typer.Argument(..., help="Stage.")) -> None:
    """Say why a stage ran or was reused: which of its inputs changed since the run before."""
    reader = Reader(database())
    view = reader.resolve_run(run)
    found = next((each for each in view.stages if each.stage == stage), None)
    if found is None:
        raise UsageError(f"run {view.id[:8]} has no stage {stage}", code="STAGE_UNKNOWN")
    if found.reused_from_run:
        out.print(f"{stage} was reused from run {found.reused_from_run[:8]}: all of its inputs are the same")
        return
    if found.state in (StageState.SKIPPED, StageState.PENDING):
        out.print(f"{stage} did not run: {found.reason or 'the run has not come to it'}", markup=False)
        return
    changes = reader.why(view.id, stage)
    out.print(f"{stage} ran: {_because(stage, changes)}", markup=False)
    for change in changes if any(change.before for change in changes) else ():
        before, after = short(change.before or "(nothing)"), short(change.after or "(nothing)")
        out.print(f"  {change.name}: {before} → {after}", markup=False)


def _because(stage: StageName, changes: Sequence[InputChange]) -> str:
    if stage in (StageName.DEPLOY, StageName.SMOKE, StageName.ROLLBACK):
        return "it acts on an environment, and is never reused"
    if not changes:
        return "no good result with these inputs was there to reuse"
    if not any(change.before for change in changes):
        return "it is the first of this project that was recorded"
    return "these inputs changed since the run before"
