"""`sluice logs`: what the stages of a run and their programs printed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import typer

from sluice.cli.ending import RUN
from sluice.cli.screen import err, out
from sluice.database import database
from sluice.settings import Settings
from sluice.states import RunState, StageName
from sluice.store.read import Reader

FOLLOW_SECONDS = 0.3


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("logs")(logs)


def logs(
    run: str = RUN,
    stage: StageName | None = typer.Argument(None, help="Stage; all of them if left out."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Go on until the run has ended."),
) -> None:
    """Print what the stages of a run and their programs printed."""
    reader = Reader(database())
    view = reader.resolve_run(run)
    folder = Settings().home.run_logs(view.id)
    names = [stage.value] if stage else [name.value for name in StageName]
    if not follow:
        written = [name for name in names if (folder / f"{name}.log").is_file()]
        for name in written:
            _print_log(folder / f"{name}.log", name, titled=stage is None)
        if not written:
            err.print(f"nothing was printed: run {view.id[:8]} did not come so far", markup=False)
        return
    for line in _followed(reader, view.id, [folder / f"{name}.log" for name in names]):
        out.print(line, markup=False)


def _print_log(path: Path, name: str, *, titled: bool) -> None:
    if titled:
        out.rule(name, align="left", style="dim")
    out.print(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"), markup=False)


def _followed(reader: Reader, run_id: str, paths: list[Path]) -> Iterator[str]:
    places = dict.fromkeys(paths, 0)
    while True:
        view = reader.run_view(run_id)
        ended = view is None or RunState(view.state).terminal
        for path, place in places.items():
            if path.is_file():
                with path.open("rb") as file:
                    file.seek(place)
                    data = file.read()
                whole = data if ended else data[: data.rfind(b"\n") + 1]
                places[path] = place + len(whole)
                yield from whole.decode("utf-8", "replace").splitlines()
        if ended:
            return
        time.sleep(FOLLOW_SECONDS)
