"""Bandit: insecure Python code. It exits 0 on files that it cannot parse, so its own list of errors is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from sluice import command
from sluice.command import LineSink
from sluice.errors import CommandError
from sluice.findings.draft import Draft, line_of, plain, severity_of
from sluice.findings.report import read_report
from sluice.findings.rules import PASSWORD_RULES
from sluice.findings.seen import Seen, failed, not_run
from sluice.records.common import ToolUse
from sluice.records.scan import FindingKind, FindingSeverity, Scanner
from sluice.tools.programs import clean_environment
from sluice.tools.trivy_drafts import line_text

NAME = "bandit"
VERSION = ("--version",)
FILES_A_RUN = 2000  # keeps the command line well below the kernel's limit
NO_EXCLUDES = "/no/such/path"  # Bandit's own list is matched anywhere in a path (`.git` in `.github/`)
STRING = re.compile(r"""("{3}|'{3}|"|')(?:\\.|(?!\1).)*(?:\1|$)""")


class Issue(BaseModel):
    """One issue as Bandit reports it."""

    model_config = ConfigDict(frozen=True)

    filename: str
    test_id: str
    test_name: str = ""
    issue_severity: str
    issue_text: str
    line_number: int | None = None
    more_info: str | None = None


class Unread(BaseModel):
    """One file that Bandit could not read or parse."""

    model_config = ConfigDict(frozen=True)

    filename: str
    reason: str


class Totals(BaseModel):
    """What Bandit looked at."""

    model_config = ConfigDict(frozen=True)

    loc: int
    nosec: int = 0
    skipped_tests: int = 0


class Metrics(BaseModel):
    """Bandit's counters; the entries of single files are not read."""

    model_config = ConfigDict(frozen=True)

    totals: Totals = Field(validation_alias="_totals")


class Report(BaseModel):
    """Bandit's JSON report."""

    model_config = ConfigDict(frozen=True)

    errors: tuple[Unread, ...]
    metrics: Metrics
    results: tuple[Issue, ...]


def scan(program: Path, version: str, source: Path, files: Sequence[str], timeout: float, log: LineSink) -> Seen:
    """Scan Python files.

    Args:
        program: Bandit.
        version: its version, for the record.
        source: the directory that `files` are relative to.
        files: Python files to scan, by name: so no `.bandit` file of the project is read.
        timeout: seconds.
        log: gets the command and its messages.

    Raises:
        CommandError: it ended with an error, or did not end in time.
        ScannerReportError: its report is not there or not whole.
    """
    if not files:
        return not_run(NAME, "there is no Python file outside the tests", version)
    reports, tools = [], []
    for start in range(0, len(files), FILES_A_RUN):
        report, tool = _run(program, version, source, files[start : start + FILES_A_RUN], timeout, log)
        reports.append(report)
        tools.append(tool)
    unread = [entry for report in reports for entry in report.errors]
    lines = sum(report.metrics.totals.loc for report in reports)
    if len(unread) == len(files):
        return failed(NAME, f"none of {len(files)} files could be read: {_named(unread)}", version, tuple(tools))
    if lines == 0:
        return not_run(NAME, f"{len(files)} Python files without a line of code", version)
    issues = [_draft(issue, source) for report in reports for issue in report.results]
    scanner = Scanner(
        name=NAME,
        version=version,
        status="ok",
        reason=f"not read: {_named(unread)}" if unread else "",
        items_scanned=lines,
        items_skipped=len(unread),
        suppressed=sum(r.metrics.totals.nosec + r.metrics.totals.skipped_tests for r in reports),
        findings=len(issues),
    )
    return Seen(scanner, (*issues, *map(_unread, unread)), tuple(tools))


def _run(
    program: Path, version: str, source: Path, files: Sequence[str], timeout: float, log: LineSink
) -> tuple[Report, ToolUse]:
    words: list[str | Path] = [program, "--quiet", "--format", "json", "--exclude", NO_EXCLUDES, "--"]
    log(f"$ cd {source} && bandit … {len(files)} files")
    argv = [*words, *(f"./{name}" for name in files)]
    done = command.run(argv, cwd=source, env=clean_environment("BANDIT_"), timeout=timeout, accept=None)
    for line in done.errors.splitlines():
        log(line)
    if done.timed_out:
        raise CommandError(f"bandit did not end within {timeout:g} s", code="TIMED_OUT")
    if done.exit_code not in (0, 1):  # 1: it found something
        raise CommandError(f"bandit ended with exit code {done.exit_code}", found=done.tail(1))
    use = ToolUse(name=NAME, version=version, exit_code=done.exit_code, seconds=done.seconds)
    return read_report(Report, done.output, NAME), use


def _draft(issue: Issue, source: Path) -> Draft:
    """Passwords are in Bandit's text and in the line: neither is kept."""
    path, line = _path(issue.filename), line_of(issue.line_number)
    secret = issue.test_id in PASSWORD_RULES
    text = line_text(source / path, line)
    return Draft(
        NAME,
        FindingKind.CODE,
        issue.test_id,
        severity_of(issue.issue_severity),
        plain(issue.test_name.replace("_", " ") if secret else issue.issue_text),
        path=path,
        line=line,
        context=STRING.sub("''", text) if secret else text,
        url=issue.more_info,
    )


def _unread(entry: Unread) -> Draft:
    title = plain(f"bandit could not read this file; it was not scanned: {entry.reason}")
    severity = FindingSeverity.MEDIUM
    return Draft(NAME, FindingKind.CODE, "NOT-SCANNED", severity, title, path=_path(entry.filename))


def _path(name: str) -> str:
    while name.startswith("./"):  # Bandit puts one in front of each
        name = name[2:]
    return name


def _named(unread: Sequence[Unread]) -> str:
    shown = ", ".join(f"{_path(entry.filename)} ({entry.reason})" for entry in unread[:3])
    return shown + (" …" if len(unread) > 3 else "")
