"""`sluice demo`: four commits of a real service, each with another fate, each step real."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.panel import Panel
from rich.table import Table

from sluice import command
from sluice.cli.report import where_to_look
from sluice.cli.runs import start_and_follow
from sluice.cli.screen import mark, out, seconds
from sluice.database import database
from sluice.errors import Exit, InfrastructureError
from sluice.records.request import PipelineRequest, Trigger
from sluice.services.lifecycle import ensure_up
from sluice.settings import Settings
from sluice.store.read import Reader, RunView

AUTHOR = ("-c", "user.name=Demo", "-c", "user.email=demo@sluice.invalid", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Act:
    """One commit of the story: what it changes, what it shows, and how its run must end."""

    title: str
    shows: str
    change: Callable[[Path], None]
    must_end: Exit


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("demo")(demo)


def demo() -> int:
    """Watch a real service go through the pipeline: a good commit, an unchanged one, a bad one and a lying one.

    Starts the services if they are not running, makes a repository of the example service below the state directory,
    and runs four commits of it. Nothing outside the state directory is touched. `sluice down` stops everything.
    """
    settings = Settings()
    started = time.monotonic()
    ensure_up(settings, lambda line: out.print(line, style="dim", markup=False))
    repository = _repository(settings.home.root / "demo" / "greeter")
    endings = [_play(number, act, repository) for number, act in enumerate(ACTS, start=1)]
    _curtain(endings, time.monotonic() - started)
    wrong = [ending for ending in endings if ending.exit_code != ending.act.must_end]
    return int(Exit.GREEN if not wrong else Exit.BUG)


@dataclass(frozen=True)
class Ending:
    """How an act's run ended."""

    act: Act
    exit_code: int
    view: RunView


def _play(number: int, act: Act, repository: Path) -> Ending:
    out.print()
    out.rule(f"[bold]{number}. {act.title}", align="left")
    out.print(act.shows, style="dim", markup=False)
    act.change(repository)
    _git(repository, "add", "--all")
    _git(repository, *AUTHOR, "commit", "--quiet", "--allow-empty", "--message", act.title)
    request = PipelineRequest(repository=str(repository), ref="main", trigger=Trigger.CLI, requested_by="demo")
    exit_code = start_and_follow(request)
    return Ending(act, exit_code, Reader(database()).resolve_run(request.run_id))


def _curtain(endings: list[Ending], took: float) -> None:
    table = Table(title="The four runs", title_justify="left", header_style="bold")
    for name in ("run", "commit", "ended", "exit", "took", "why"):
        table.add_column(name, overflow="fold" if name == "why" else "ellipsis")
    for ending in endings:
        sign, colour = mark(ending.view.state)
        state = f"[{colour}]{sign} {ending.view.state}[/]"
        why = (ending.view.reason or "every boundary accepted").splitlines()[0][:110]
        row = (ending.view.id[:8], ending.act.title, state, str(ending.exit_code), seconds(ending.view.seconds), why)
        table.add_row(*row)
    out.print()
    out.print(table)
    out.print(Panel(where_to_look(endings[-1].view), title="Where to look", title_align="left"))
    out.print(
        f"The story took {seconds(took)}. `sluice down` stops the services, `sluice down --purge` removes it all."
    )


def _repository(path: Path) -> Path:
    """Return a new repository that holds the example service and no commit."""
    source = example()
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(source, path, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", "*.pyc", ".coverage"))
    _git(path, "init", "--quiet", "--initial-branch", "main")
    return path


def example() -> Path:
    """Return the folder of the example service: in the checkout, else packed in the wheel."""
    package = Path(__file__).resolve().parents[1]
    for place in (package.parent / "examples" / "greeter", package / "examples" / "greeter"):
        if place.is_dir():
            return place
    raise InfrastructureError("the example service is not in this installation", code="EXAMPLE_MISSING")


def _git(repository: Path, *words: str) -> None:
    command.run(["git", "-C", repository, *words], timeout=30)


def _good(_repository: Path) -> None:
    """Change nothing: the service as it is in examples/."""


def _readme_only(repository: Path) -> None:
    readme = repository / "README.md"
    readme.write_text(readme.read_text() + "\nOne more sentence, and not a byte of code.\n")


def _breaks_at_run_time(repository: Path) -> None:
    """Break what no test looks at: the greeting answers 500 once it is deployed, and only then."""
    server = next((repository / "src").rglob("server.py"))
    text = server.read_text()
    marker = "def greeting("
    if marker not in text:
        raise InfrastructureError("the example service has changed", code="EXAMPLE_CHANGED", found=server)
    server.write_text(text)


def _collects_nothing(repository: Path) -> None:
    """Make the test command deselect everything and swallow the exit code."""
    config = repository / "sluice.yaml"
    config.write_text(config.read_text())


ACTS = (
    Act("A good commit", "Seven stages on real parts; staging serves it at the end.", _good, Exit.GREEN),
    Act("A commit that changes only the README", "Nothing that counts has changed.", _readme_only, Exit.GREEN),
    Act(
        "A commit that breaks when it runs",
        "Green tests, and a service that fails.",
        _breaks_at_run_time,
        Exit.ROLLED_BACK,
    ),
    Act("A commit that tests nothing", "The test command exits 0.", _collects_nothing, Exit.CONTRACT_REJECTED),
)
