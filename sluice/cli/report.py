"""`sluice report`, `logs`, `why`, `sql`: what a run did, and the evidence for it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.markup import escape
from rich.text import Text

from sluice import command
from sluice.cli.screen import err, mark, out, seconds
from sluice.database import database
from sluice.errors import UsageError
from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.states import CheckStatus, RunState, Severity, StageName, StageState
from sluice.store.read import Reader
from sluice.store.views import CheckView, InputChange, RunView, StageView
from sluice.tools.resolve import locate

FOLLOW_SECONDS = 0.3
DIGEST = re.compile(r"\b[0-9a-f]{40,64}\b")
SHORT_DIGEST = 12
CHECK_MARKS: dict[str, tuple[str, str]] = {
    CheckStatus.PASSED: ("✔", "green"),
    CheckStatus.FAILED: ("✘", "red"),
    CheckStatus.COULD_NOT_RUN: ("!", "red"),
}
DETAIL_LINES = 12
SQL_SECONDS = 600.0
LOUD = (CheckStatus.FAILED, CheckStatus.COULD_NOT_RUN)
RUN = typer.Argument("latest", help="Run: `latest`, an id, or its first characters.")


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command("report")(report)
    app.command("logs")(logs)
    app.command("why")(why)
    app.command("sql")(sql)


def report(
    run: str = RUN, checks: bool = typer.Option(False, "--checks", help="Show the checks that passed too.")
) -> None:
    """Explain a run: its stages, red tests first, and what each boundary expected and observed."""
    view = Reader(database()).resolve_run(run)
    show_head(view)
    for stage in view.stages:
        _stage(stage, checks)
    show_end(view)


def show_head(view: RunView) -> None:
    """Print what the run was about."""
    sign, colour = mark(view.state)
    commit = (view.commit or "")[:10]
    out.print(
        f"[bold {colour}]{sign} {view.state}[/]  {escape(view.project)} {escape(view.ref)} {commit}  run {view.id}"
    )
    if view.subject:
        out.print(f"  {view.subject}", markup=False, style="dim")


def _stage(stage: StageView, all_checks: bool) -> None:
    sign, colour = mark(stage.state)
    reused = f" (from run {stage.reused_from_run[:8]})" if stage.reused_from_run else ""
    out.print(f"\n[{colour}]{sign}[/] [bold]{stage.stage}[/] {stage.state}{reused} [dim]{seconds(stage.seconds)}[/]")
    if stage.headline:
        out.print(f"  {stage.headline}", markup=False)
    if stage.reason and stage.reason != stage.headline:
        for line in stage.reason.splitlines():
            out.print(f"  {line}", markup=False, style="red")
    for failure in stage.failures:
        out.print(f"  ✘ {failure.id} {failure.cell}".rstrip(), markup=False, style="red")
        for line in (failure.message + "\n" + failure.detail).strip().splitlines()[-DETAIL_LINES:]:
            out.print(f"      {line}", markup=False)
    _checks(stage, all_checks)


def _checks(stage: StageView, all_checks: bool) -> None:
    shown = [check for check in stage.checks if all_checks or check.status in LOUD]
    if stage.checks and not shown:
        passed = sum(check.status == CheckStatus.PASSED for check in stage.checks)
        out.print(f"  boundary: {passed} checks passed, {len(stage.checks) - passed} not applicable", style="dim")
    if not shown:
        return
    for check in shown:
        out.print(*_check(check), sep="\n")


def _check(check: CheckView) -> Iterator[Text]:
    """Yield a check in a line; of one that did not pass, all that is known, a line each."""
    sign, colour = CHECK_MARKS.get(check.status, ("-", "dim"))
    head = Text(f"  {sign} {check.code} {check.name}", colour)
    if check.status not in LOUD:
        yield head.append(f"  {short(check.observed or check.message)}", "dim")
        return
    yield head.append(f"  {check.status}{'' if check.severity == Severity.STOP else ', a warning'}", colour)
    for name, words in (("expected", check.expected), ("observed", check.observed), ("do", check.next_step)):
        if words:
            yield Text(f"      {name:<9} {short(words)}")


def short(words: str) -> str:
    """Return the words with every digest and commit cut to what people compare."""
    return DIGEST.sub(lambda found: found[0][:SHORT_DIGEST], words)


def show_end(view: RunView) -> None:
    """Print how a run ended, why, and where to look next."""
    sign, colour = mark(view.state)
    told = any(stage.reason == view.reason for stage in view.stages)  # under its stage
    out.print()
    out.print(f"[bold {colour}]{sign} {view.state}[/] in {seconds(view.seconds)} · exit code {view.exit_code}")
    for line in () if told else view.reason.splitlines():
        out.print(f"  {line}", markup=False, style=colour)
    serving = next((stage.headline for stage in view.stages if stage.stage == StageName.DEPLOY), "")
    if serving and view.state == RunState.PASSED:
        out.print(f"  {serving}", markup=False)
    logs_too = "" if view.state == RunState.PASSED else f"   ·   sluice logs {view.id[:8]}"
    out.print(f"  sluice report {view.id[:8]}{logs_too}", markup=False, style="dim")


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


def sql(query: str | None = typer.Argument(None, help="A query; without one, an interactive psql opens.")) -> None:
    """Ask the database, read-only: `sluice sql "select * from v_runs limit 5"`."""
    words = [str(locate("postgres").with_name("psql")), load(Settings()).database_url]
    words += ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--pset=pager=off"]
    os.environ["PGOPTIONS"] = "-c default_transaction_read_only=on -c role=sluice_reader"
    if query is None:
        os.execv(words[0], words)  # noqa: S606 - psql takes the terminal over
    done = command.run([*words, "--command", query], timeout=SQL_SECONDS, accept=None)
    typer.echo(done.output, nl=False)
    if done.exit_code:
        raise UsageError(
            (done.errors.splitlines() or ["psql did not end in time"])[0].removeprefix("ERROR:").strip(),
            code="SQL_REFUSED",
            next_step="`sluice sql '\\d v_runs'` shows the columns of a view; nothing can be changed here.",
        )
