"""`sluice logs`: what the stages of a run and their programs printed; live, afterwards, and searched over all runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import typer

from sluice.cli.screen import err, out
from sluice.database import database
from sluice.errors import TransientError, UsageError
from sluice.logs.reading import GrowingLog
from sluice.logs.terminal import coloured, plain
from sluice.settings import Settings
from sluice.states import RunState, StageName, StageState
from sluice.store.logs import LogStore
from sluice.store.read import Reader
from sluice.store.views import RunView

FOLLOW_SECONDS = 0.3
AWAY_SECONDS = 90.0  # Postgres restarts in seconds, and replays its log after a crash
SEARCH_LEAST = 3  # characters: the index is of three at a time
WIDTH = 300  # characters of a found line


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("logs")(logs)


def logs(
    run: str | None = typer.Argument(None, help="Run: `latest` (if left out), an id, or its first characters."),
    stage: StageName | None = typer.Argument(None, help="Stage; all of them if left out."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Go on until the run has ended."),
    search: str | None = typer.Option(None, "--search", help="Find lines that hold this text, in all runs or in RUN."),
    project: str | None = typer.Option(None, "--project", help="Only runs of this project."),
    limit: int = typer.Option(100, "--limit", min=1, max=10_000, help="How many lines a search prints at most."),
) -> None:
    """Print what the stages of a run and their programs printed, from any machine that reaches the database.

    Examples: `sluice logs` · `sluice logs -f latest test` · `sluice logs --search "connection refused" --project shop`.
    """
    reader = Reader(database())
    if search is not None:
        _search(reader, search, run, project, limit)
        return
    view = reader.resolve_run(run or "latest", project)
    names = [stage] if stage else list(StageName)
    store, folder = LogStore(database()), Settings().home.run_logs(view.id)
    growing = [GrowingLog(store, view.id, name, folder) for name in names]
    printed = False
    for name, text in _followed(reader, view, growing) if follow else _written(growing):
        if name is not None and stage is None:
            out.rule(name, align="left", style="dim")
        show(text)
        printed = True
    if not printed:
        err.print(_why_nothing(reader.resolve_run(view.id), names), markup=False)


def show(text: str) -> None:
    """Print log text: a terminal gets its colours and nothing else that would steer it."""
    typer.echo(coloured(text) if out.is_terminal else plain(text), nl=not text.endswith("\n"), color=True)


def _written(growing: Sequence[GrowingLog]) -> Iterator[tuple[StageName | None, str]]:
    for each in growing:
        text = each.more(ended=True)
        if text:
            yield each.stage, text


def _followed(reader: Reader, view: RunView, growing: Sequence[GrowingLog]) -> Iterator[tuple[StageName | None, str]]:
    """Yield what comes, with the stage where it is another than before; a Postgres that restarts is waited for."""
    last: StageName | None = None
    seen = time.monotonic()
    while True:
        try:
            now = reader.run_view(view.id)
            ended = now is None or RunState(now.state).terminal
            for each in growing:
                text = each.more(ended=ended)
                if text:
                    yield (each.stage if each.stage != last else None), text
                    last = each.stage
            seen = time.monotonic()
        except TransientError:
            if time.monotonic() - seen > AWAY_SECONDS:
                raise
            ended = False
        if ended:
            return
        time.sleep(FOLLOW_SECONDS)


def _why_nothing(view: RunView, names: Sequence[StageName]) -> str:
    reused = {stage.stage: stage for stage in view.stages if stage.state == StageState.REUSED}
    if len(names) == 1 and names[0] in reused:
        made = (reused[names[0]].reused_from_run or "")[:8]
        return f"nothing was printed: {names[0]} was reused from run {made} (`sluice logs {made} {names[0]}`)"
    return f"nothing was printed: run {view.id[:8]} did not come so far"


def _search(reader: Reader, words: str, run: str | None, project: str | None, limit: int) -> None:
    if len(words) < SEARCH_LEAST or "\n" in words:
        raise UsageError(
            "the text to search for is too short" if "\n" not in words else "a search looks into single lines",
            code="SEARCH_TEXT",
            where="--search",
            found=words,
            allowed=f"{SEARCH_LEAST} characters or more, in one line",
            next_step="Give a longer piece of the line.",
        )
    run_id = reader.resolve_run(run, project).id if run else None
    found = LogStore(database()).search(words, project=project, run_id=run_id, limit=limit)
    for line in found:
        place = f"{line.run_id[:8]} {line.project} {line.ref} {line.stage}:{line.line}"
        typer.echo(f"{place}: {plain(line.text)[:WIDTH]}")
    runs = len({line.run_id for line in found})
    more = f"; only the first {limit} are shown (--limit)" if len(found) == limit else ""
    err.print(f"{len(found)} lines in {runs} runs{more}" if found else "no line holds this text", markup=False)
