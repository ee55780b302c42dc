"""The run's own artifact in the Prefect UI: its stages in one table, and why it ended as it did."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact

from sluice.database import database
from sluice.store.read import Reader, RunView
from tasks.aside import aside
from tasks.display import cell, table


def summarise(run_id: str) -> None:
    """Leave the summary of an ended run."""
    view = Reader(database()).run_view(run_id)
    if view is not None:
        description = f"{view.project} {view.ref}: {view.state}"
        text = summary(view)
        aside(lambda: create_markdown_artifact(text, key="sluice-run", description=description))


def summary(view: RunView) -> str:
    """Return the summary as Markdown."""
    head = f"# {cell(view.project)} {cell(view.ref)} `{(view.commit or '')[:10]}`: {view.state}\n\n"
    why = f"> {cell(view.reason)}\n\n" if view.reason else ""
    rows = (
        (stage.stage, stage.state, f"{stage.seconds:.2f} s" if stage.seconds is not None else "", stage.headline)
        for stage in view.stages
    )
    look = f"\n\n`sluice report {view.id[:8]}` shows each check with expected and observed."
    return head + why + table(("stage", "state", "took", "key figures"), rows) + look
