"""Bandit: insecure Python code. It exits 0 on files that it cannot parse, so its own list of errors is read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from sluice import command
from sluice.errors import CommandError
from sluice.findings.draft import Draft, line_of, plain, severity_of
from sluice.findings.report import read_report
from sluice.findings.rules import PASSWORD_RULES
from sluice.findings.seen import Seen, failed, not_run
from sluice.records.common import ToolUse
from sluice.records.scan import FindingKind, FindingSeverity, Scanner
from sluice.tools.programs import clean_environment
from sluice.tools.scan_job import Job
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


def scan(job: Job, files: Sequence[str]) -> Seen:
    """Scan Python files.

    Args:
        job: what every scanner is told.
        files: Python files below `job.root`, by name: so no `.bandit` file of the project is read.

    Raises:
        CommandError: Bandit ended with an error, or did not end in time.
        ScannerReportError: its report is not there or not whole.
    """
    parts = [_run(job, files[start : start + FILES_A_RUN]) for start in range(0, len(files), FILES_A_RUN)]
    reports, tools = [report for report, _ in parts], tuple(tool for _, tool in parts)
    unread = [entry for report in reports for entry in report.errors]
    lines = sum(report.metrics.totals.loc for report in reports)
    if len(unread) == len(files):
        return failed(NAME, f"none of {len(files)} files could be read: {_named(unread)}", job.version, tools)
    if lines == 0:
        return not_run(NAME, f"{len(files)} Python files without a line of code", job.version)
    issues = [_draft(issue, job.root) for report in reports for issue in report.results]
    scanner = Scanner(
        name=NAME,
        version=job.version,
        status="ok",
        reason=f"not read: {_named(unread)}" if unread else "",
        items_scanned=lines,
        items_skipped=len(unread),
        suppressed=sum(r.metrics.totals.nosec + r.metrics.totals.skipped_tests for r in reports),
        findings=len(issues),
    )
    return Seen(scanner, (*issues, *map(_unread, unread)), tools)


def _run(job: Job, files: Sequence[str]) -> tuple[Report, ToolUse]:
    words: list[str | Path] = [job.program, "--quiet", "--format", "json", "--exclude", NO_EXCLUDES, "--"]
    job.log(f"$ cd {job.root} && {shlex.join(map(str, words))} ./{files[0]} … ({len(files)} files)")
    argv = [*words, *(f"./{name}" for name in files)]
    environment = {**clean_environment("BANDIT_"), "XDG_CACHE_HOME": str(job.cache)}  # it remembers its plugins there
    done = command.run(argv, cwd=job.root, env=environment, timeout=job.timeout, accept=None)
    for line in done.errors.splitlines():
        job.log(line)
    if done.timed_out:
        raise CommandError(f"bandit did not end within {job.timeout:g} s", code="TIMED_OUT")
    if done.exit_code not in (0, 1):  # 1: it found something
        raise CommandError(f"bandit ended with exit code {done.exit_code}", found=done.tail(1))
    return read_report(Report, done.output, NAME), job.use(NAME, done.exit_code, done.seconds)


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
