"""`sluice why`: why a stage ran or was reused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from sluice.cli.ending import RUN
from sluice.cli.screen import out
from sluice.database import database
from sluice.errors import SluiceError, UsageError
from sluice.report.document import plain_data
from sluice.report.why import CellWhy, Why, explain
from sluice.report.words import plain
from sluice.states import StageName
from sluice.store.key_rows import keyed_stage
from sluice.store.read import Reader


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("why")(why)


def why(
    run: str = RUN,
    stage: StageName = typer.Argument(..., help="Stage."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON, with all parts of the key."),
) -> None:
    """Say why a stage ran or was reused: which of its inputs changed, and since which run.

    Examples: `sluice why latest test` · `sluice why 2ac0 build`.
    """
    view = Reader(database()).resolve_run(run)
    found = keyed_stage(database(), view.id, stage)
    if found is None:
        raise UsageError(f"run {view.id[:8]} has no stage {stage}", code="STAGE_UNKNOWN")
    answer = explain(stage, *found, diff)
    if as_json:
        typer.echo(json.dumps(plain_data(answer), indent=2))
        return
    for line in lines(answer):
        out.print(plain(line), markup=False)


def diff(mirror: str, before: str, after: str) -> Sequence[str] | None:
    """Return the paths that differ between two commits; None when the mirror can no longer tell."""
    from sluice.tools.git_history import changed_files

    try:
        changed = changed_files(Path(mirror), before, after)
    except SluiceError:  # the mirror was cleaned away, or lies on another machine: the digests still differ
        return None
    return sorted({path for file in changed for path in (file.path, file.old_path) if path})


def lines(answer: Why) -> Iterator[str]:
    """Yield the answer, and under it each part that changed; cells of a matrix each on their own."""
    yield answer.words
    if len(answer.cells) == 1:
        yield from _changes(answer.cells[0], "  ")
        return
    for cell in answer.cells:
        yield f"  {cell.cell} {cell.words}"
        yield from _changes(cell, "    ")


def _changes(cell: CellWhy, indent: str) -> Iterator[str]:
    if cell.because == "new_cell" or (len(cell.changes) == 1 and len(cell.changes[0].details) == 1):
        return
    for change in cell.changes:
        for detail in change.details:
            yield f"{indent}{change.name}: {detail}"
