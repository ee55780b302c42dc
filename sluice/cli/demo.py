"""`sluice demo`: four commits of a real service, each with another fate, each step real."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import typer

from sluice import command
from sluice.cli.ending import where_to_look
from sluice.cli.screen import mark, out, seconds
from sluice.cli.start import start_and_follow
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

    short: str
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
    run_id = str(uuid4())
    request = PipelineRequest(
        repository=str(repository), ref="main", trigger=Trigger.CLI, requested_by="demo", run_id=run_id
    )
    with Visitor(_staging()) as visitor:
        exit_code = start_and_follow(request)
    if visitor.asked:
        out.print(f"  meanwhile: {visitor.asked} requests to staging, {visitor.failed} failed", style="dim")
    return Ending(act, exit_code, Reader(database()).resolve_run(run_id))


def _staging() -> str | None:
    """Return the greeting's address in staging, once something was deployed there."""
    places = [each for each in Reader(database()).environments("greeter") if each.environment == "staging"]
    return f"http://127.0.0.1:{places[0].port}/greet?name=visitor" if places and places[0].port else None


class Visitor:
    """Somebody who uses staging all the time, ten times a second."""

    def __init__(self, address: str | None) -> None:
        self.asked = self.failed = 0
        self._address = address
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._thread.join()

    def _visit(self) -> None:
        if self._address is None:
            return
        with httpx.Client(trust_env=False, timeout=5.0, verify=False) as client:  # noqa: S501 - plain http, of ours
            while not self._gone.wait(0.1):
                self.asked += 1
                try:
                    self.failed += client.get(self._address).status_code != 200
                except httpx.HTTPError:
                    self.failed += 1


def _curtain(endings: list[Ending], took: float) -> None:
    out.print()
    out.rule("[bold]The four runs", align="left")
    for ending in endings:
        sign, colour = mark(ending.view.state)
        by = ending.view.reason.partition(": ")[2].partition(":")[0] if ending.view.reason else ""
        figures = f"exit {ending.exit_code:<3} {seconds(ending.view.seconds):>9}"
        out.print(
            f"{ending.view.id[:8]}  {ending.act.short:<20} [{colour}]{sign} {ending.view.state:<12}[/] {figures}  {by}"
        )
    out.print()
    out.print("[bold]Where to look")
    needed = shell_line(os.environ, Path(sys.executable).parent)
    if needed:
        out.print(f"at first     {needed}", markup=False, soft_wrap=True)
    out.print(where_to_look(endings[-1].view), markup=False)
    out.print()
    out.print(
        f"The story took {seconds(took)}. `sluice down` stops the services, `sluice down --purge` removes it all."
    )


def shell_line(environment: Mapping[str, str], programs: Path) -> str:
    """Return what to type in a shell so that the commands shown here work in it; "" when they do.

    Args:
        environment: the shell's, as it was handed on to us.
        programs: folder of our own `sluice`, which `make demo` calls by its path.
    """
    words = [f"SLUICE_HOME={shlex.quote(environment['SLUICE_HOME'])}"] if environment.get("SLUICE_HOME") else []
    found = shutil.which("sluice", path=environment.get("PATH", ""))
    if found is None or Path(found).resolve() != (programs / "sluice").resolve():
        words.append(f"PATH={shlex.quote(str(programs))}:$PATH")
    return f"export {' '.join(words)}" if words else ""


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


def _good(repository: Path) -> None:
    """Stamp the service with the time, so that every demo tells its story with releases of its own."""
    package = repository / "src" / "greeter" / "__init__.py"
    package.write_text(f'{package.read_text()}DEMO = "{datetime.now(UTC).isoformat()}"\n')


def _readme_only(repository: Path) -> None:
    readme = repository / "README.md"
    readme.write_text(readme.read_text() + "\nOne more sentence, and not a byte of code.\n")


def _breaks_at_run_time(repository: Path) -> None:
    """Read a variable that no environment declares: no test notices, every deployed greeting fails."""
    _replace(repository / SERVICE, ("import html\n", "import html\nimport os\n"), (GREETING, GREETING + BROKEN))


def _collects_nothing(repository: Path) -> None:
    """Mend the service; and make the test command deselect every test and swallow the exit code."""
    _replace(repository / SERVICE, ("import html\nimport os\n", "import html\n"), (GREETING + BROKEN, GREETING))
    _replace(repository / "sluice.yaml", ("  frameworks: [pytest]\n", LYING_TESTS))


def _replace(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        if text.count(old) != 1:
            raise InfrastructureError("the example service is not the one that the demo knows", where=str(path))
        text = text.replace(old, new)
    path.write_text(text)


SERVICE = "src/greeter/answers.py"
GREETING = "def _greeting(query: Mapping[str, list[str]]) -> Answer:\n"
BROKEN = """    if "GREETER_ENVIRONMENT" in os.environ:
        os.environ["GREETER_MOTTO"]
"""
LYING_TESTS = """  frameworks: [command]
  command: [sh, -c, "python -m pytest -k matches_nothing --junitxml=reports/junit.xml || true"]
  report: reports/junit.xml
"""
ACTS = (
    Act("good", "A good commit", "Every stage on real parts; at the end staging serves it.", _good, Exit.GREEN),
    Act(
        "README only",
        "A commit that changes only the README",
        "Nothing that counts has changed.",
        _readme_only,
        Exit.GREEN,
    ),
    Act(
        "breaks when it runs",
        "A commit that breaks when it runs",
        "Its tests are green: only where it is deployed does it read a variable that nobody set.",
        _breaks_at_run_time,
        Exit.ROLLED_BACK,
    ),
    Act(
        "tests nothing",
        "A commit that tests nothing",
        "Its test command deselects every test, writes a report, and exits 0.",
        _collects_nothing,
        Exit.CONTRACT_REJECTED,
    ),
)
