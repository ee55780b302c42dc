"""`sluice report`: what a run did, and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from rich.text import Text

from sluice.cli.ending import RUN, short, show_end, show_head
from sluice.cli.screen import mark, out, seconds
from sluice.database import database
from sluice.states import CheckStatus, Severity
from sluice.store.read import Reader
from sluice.store.views import CheckView, StageView

CHECK_MARKS: dict[str, tuple[str, str]] = {
    CheckStatus.PASSED: ("✔", "green"),
    CheckStatus.FAILED: ("✘", "red"),
    CheckStatus.COULD_NOT_RUN: ("!", "red"),
}
DETAIL_LINES = 12
LOUD = (CheckStatus.FAILED, CheckStatus.COULD_NOT_RUN)


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("report")(report)


def report(
    run: str = RUN, checks: bool = typer.Option(False, "--checks", help="Show the checks that passed too.")
) -> None:
    """Explain a run: its stages, red tests first, and what each boundary expected and observed."""
    view = Reader(database()).resolve_run(run)
    show_head(view)
    for stage in view.stages:
        _stage(stage, checks)
    show_end(view)


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
