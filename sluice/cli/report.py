"""`sluice report`: what a run did, and the evidence for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.text import Text

from sluice.artifacts import ArtifactStore
from sluice.cli.ending import BRANCH, PROJECT, RUN, show_end, show_head
from sluice.cli.report_sections import (
    attachment_lines,
    canary_lines,
    change_lines,
    finding_lines,
    output_lines,
    sections,
)
from sluice.cli.screen import err, mark, out, seconds
from sluice.database import database
from sluice.errors import UsageError
from sluice.records.common import ArtifactRef
from sluice.report.collect import collect
from sluice.report.document import Report, plain_data
from sluice.report.html import render
from sluice.report.pictures import pictures
from sluice.report.words import plain, short, uncoloured
from sluice.settings import current_settings
from sluice.states import CheckStatus, Severity, StageName
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
    run: str = RUN,
    checks: bool = typer.Option(False, "--checks", help="Show the checks that passed too."),
    html: str | None = typer.Option(None, "--html", help="Write one HTML file instead; `-`: to standard output."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON (docs/report.md)."),
    project: str | None = PROJECT,
    branch: str | None = BRANCH,
) -> None:
    """Explain a run: its stages, red tests first, what is new, and what each boundary expected and observed.

    Examples: `sluice report` (the newest run) · `sluice report 2ac0 --html run.html` · `sluice report --branch main`.
    """
    reader = Reader(database())
    told = collect(reader, reader.resolve_run(run, project, branch))
    if html is not None:
        write_html(told, html)
    elif as_json:
        typer.echo(json.dumps(plain_data(told), indent=2))
    else:
        _print(told, checks)


def write_html(told: Report, target: str) -> None:
    """Write the report's page; nothing half-written is left.

    Raises:
        UsageError: `REPORT_UNWRITABLE`.
    """
    page = render(told, _pictures(told))
    if target == "-":
        typer.echo(page, nl=False)
        return
    path = Path(target)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the report cannot be written: {error.strerror}",
            code="REPORT_UNWRITABLE",
            where=str(path),
            next_step="Name a file in a folder that is there, or `-` for standard output.",
        ) from error
    err.print(f"written: {path}", markup=False)


def _pictures(told: Report) -> dict[str, str]:
    """Return the small pictures that tests attached, from this machine's store."""
    found = told.tests.attachments if told.tests else ()
    refs = [
        ArtifactRef(name=each.path, sha256=each.sha256, size=each.size or 0, media_type=each.media_type or "")
        for each in found
        if each.sha256
    ]
    return pictures(refs, ArtifactStore(current_settings().home.artifacts))


def _print(told: Report, checks: bool) -> None:
    show_head(told.run)
    for stage in told.run.stages:
        _stage(stage)
        for line in _more(told, stage):
            out.print(line)
        _checks(stage, checks)
    for line in sections(told):
        out.print(line)
    show_end(told.run)


def _more(told: Report, stage: StageView) -> Iterator[Text]:
    """Yield what is known of a stage beside its record's own words."""
    if stage.stage == StageName.TEST and told.tests:
        for line in told.tests.log[-DETAIL_LINES:]:
            yield Text(f"      │ {short(line)}", "dim")
        yield from output_lines(told.tests)
        yield from attachment_lines(told.tests.attachments)
        if told.tests.change is not None:
            yield from change_lines(told.tests.change, told.tests.change_gate)
    if stage.stage == StageName.SCAN and told.findings:
        yield from finding_lines(told.findings)
    if stage.stage == StageName.DEPLOY and told.deployment:
        yield from canary_lines(told.deployment.canary)


def _stage(stage: StageView) -> None:
    sign, colour = mark(stage.state)
    reused = f" (from run {stage.reused_from_run[:8]})" if stage.reused_from_run else ""
    out.print(f"\n[{colour}]{sign}[/] [bold]{stage.stage}[/] {stage.state}{reused} [dim]{seconds(stage.seconds)}[/]")
    if stage.headline:
        out.print(f"  {plain(stage.headline)}", markup=False)
    if stage.reason and stage.reason != stage.headline:
        for line in plain(stage.reason).splitlines():
            out.print(f"  {line}", markup=False, style="red")
    for failure in stage.failures:
        out.print(plain(f"  ✘ {failure.id} {failure.cell}".rstrip()), markup=False, style="red")
        for line in uncoloured(failure.message + "\n" + failure.detail).strip().splitlines()[-DETAIL_LINES:]:
            out.print(f"      {line}", markup=False)


def _checks(stage: StageView, all_checks: bool) -> None:
    shown = [check for check in stage.checks if all_checks or check.status in LOUD or check.waiver]
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
        yield head.append(f"  {plain(short(check.observed or check.message))}", "dim")
        if check.waiver:
            yield Text(f"      {'waiver':<9} {plain(check.waiver)}", "yellow")
        return
    yield head.append(f"  {check.status}{'' if check.severity == Severity.STOP else ', a warning'}", colour)
    told = {"expected": check.expected, "observed": check.observed, "waiver": check.waiver, "do": check.next_step}
    for name, words in told.items():
        if words:
            yield Text(f"      {name:<9} {plain(short(words))}")
