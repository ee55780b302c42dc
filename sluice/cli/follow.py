"""Following a run live: one line a stage, with its key figures, and the reason of a failure under it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sluice.cli.screen import mark, out, seconds
from sluice.states import RunState, StageState
from sluice.store.read import RunView, StageView

POLL_SECONDS = 0.03
REASON_LINES = 12
FOLLOWED = {state for state in StageState if state not in (StageState.PENDING, StageState.RUNNING)}

View = Callable[[], RunView | None]


def follow(view: View, *, waiting: str, told: set[str]) -> RunView:
    """Show a run until it has ended; return its last view.

    In a terminal the table moves; elsewhere each stage is one line when it has ended. `told` keeps what was printed,
    for the case that somebody interrupts and follows again.
    """
    return _follow_live(view, waiting) if out.is_terminal else _follow_plain(view, waiting, told)


def _views(view: View) -> Iterator[RunView | None]:
    while True:
        now = view()
        yield now
        if now is not None and RunState(now.state).terminal:
            return
        time.sleep(POLL_SECONDS)


def _follow_live(view: View, waiting: str) -> RunView:
    last: RunView | None = None
    spinners: dict[str, Spinner] = {}
    with Live(console=out, refresh_per_second=10, transient=False) as live:
        for now in _views(view):
            last = now or last
            live.update(_table(last, spinners) if last and last.stages else Spinner("dots", text=f" {waiting}"))
    assert last is not None
    return last


def _follow_plain(view: View, waiting: str, told: set[str]) -> RunView:
    out.print(waiting, markup=False)
    last: RunView | None = None
    for now in _views(view):
        last = now or last
        for stage in now.stages if now else ():
            if stage.id not in told and StageState(stage.state) in FOLLOWED:
                told.add(stage.id)
                for line in plain_lines(stage):
                    out.print(line, markup=False)
    assert last is not None
    return last


def plain_lines(stage: StageView) -> list[str]:
    """Return the line of an ended stage, and under it why it failed."""
    sign, _colour = mark(stage.state)
    head = f"{sign} {stage.stage:<9} {stage.state:<9} {seconds(stage.seconds):>9}  {stage.headline}"
    return [head.rstrip(), *(f"            {line}" for line in reason_lines(stage))]


def reason_lines(stage: StageView) -> list[str]:
    """Return why a stage failed, a line each; empty for a good stage."""
    bad = (StageState.FAILED, StageState.REJECTED, StageState.ERRORED, StageState.LOST)
    if StageState(stage.state) not in bad or not stage.reason or stage.reason in stage.headline:
        return []
    return stage.reason.splitlines()[:REASON_LINES]


def _table(run: RunView, spinners: dict[str, Spinner]) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    for column in ("", "stage", "state", "took", "figures"):
        grid.add_column(column, justify="right" if column == "took" else "left", no_wrap=column != "figures")
    for stage in run.stages:
        sign, colour = mark(stage.state)
        running = stage.state == StageState.RUNNING
        first: RenderableType = spinners.setdefault(stage.id, Spinner("dots")) if running else Text(sign, colour)
        text = Text(stage.headline)
        for line in reason_lines(stage):
            text.append("\n" + line, "red")
        grid.add_row(first, stage.stage, Text(str(stage.state), colour), seconds(stage.seconds), text)
    return Group(grid)
