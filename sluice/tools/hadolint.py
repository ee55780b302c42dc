"""hadolint: Dockerfiles."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from sluice import command
from sluice.errors import CommandError
from sluice.findings.draft import Draft, line_of, plain
from sluice.findings.report import ScannerReportError
from sluice.findings.seen import Seen, not_run
from sluice.records.common import ToolUse
from sluice.records.scan import FindingKind, FindingSeverity, Scanner
from sluice.tools.programs import clean_environment
from sluice.tools.scan_job import Job
from sluice.tools.trivy_drafts import line_text

NAME = "hadolint"
VERSION = ("--version",)
BROKEN = "DL1000"  # not a finding: the file could not be parsed, and no rule was tried
DOCS = "https://github.com/hadolint/hadolint/wiki/"
# hadolint's levels say how sure a style is, not what an attacker gets: none of them reaches `high` alone.
LEVELS = {"error": FindingSeverity.MEDIUM, "warning": FindingSeverity.LOW}


class Issue(BaseModel):
    """One rule that a line breaks."""

    model_config = ConfigDict(frozen=True)

    code: str
    file: str
    level: str
    line: int | None = None
    message: str


REPORT = TypeAdapter(tuple[Issue, ...])


def scan(job: Job, files: Sequence[str]) -> Seen:
    """Lint Dockerfiles, by rules that neither the project nor the machine changes.

    Args:
        job: what every scanner is told.
        files: Dockerfiles below `job.root`, by name.

    Raises:
        CommandError: hadolint ended with an error, or did not end in time.
        ScannerReportError: its report is not there or not whole.
    """
    issues, tool = _run(job, files)
    drafts = tuple(_draft(issue, job.root) for issue in issues)
    broken = sorted({_path(issue.file) for issue in issues if issue.code == BROKEN})
    if len(broken) == len(files):
        nothing = not_run(NAME, f"no Dockerfile could be parsed: {', '.join(broken[:3])}", job.version)
        return replace(nothing, drafts=drafts, tools=(tool,))
    scanner = Scanner(
        name=NAME,
        version=job.version,
        status="ok",
        reason=f"not parsed: {', '.join(broken[:3])}" if broken else "",
        items_scanned=len(files) - len(broken),
        items_skipped=len(broken),
        suppressed=sum(_pragmas(job.root / name) for name in files),
        findings=len(issues) - len(broken),
    )
    return Seen(scanner, drafts, (tool,))


def _run(job: Job, files: Sequence[str]) -> tuple[tuple[Issue, ...], ToolUse]:
    config = job.scratch / "hadolint.yaml"
    config.write_text("{}\n")  # shuts out the project's file and the user's own
    words: list[str | Path] = [job.program, "--no-fail", "--no-color", "--format", "json", "--config", config, "--"]
    argv = [*words, *(f"./{name}" for name in files)]
    job.log(f"$ cd {job.root} && {shlex.join(map(str, argv[:20]))}")
    done = command.run(argv, cwd=job.root, env=clean_environment("HADOLINT_"), timeout=job.timeout, accept=None)
    if done.timed_out:
        raise CommandError(f"hadolint did not end within {job.timeout:g} s", code="TIMED_OUT")
    if done.exit_code != 0:
        raise CommandError(f"hadolint ended with exit code {done.exit_code}", found=done.tail(1))
    return _read(done.output), job.use(NAME, done.exit_code, done.seconds)


def _read(text: str) -> tuple[Issue, ...]:
    try:
        return REPORT.validate_json(text)
    except ValidationError as error:
        raise ScannerReportError("the report of hadolint cannot be read", found=text[:200]) from error


def _pragmas(path: Path) -> int:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return sum("hadolint" in line and "ignore=" in line for line in lines if line.lstrip().startswith("#"))


def _draft(issue: Issue, source: Path) -> Draft:
    path, line = _path(issue.file), line_of(issue.line)
    if issue.code == BROKEN:
        title = plain(f"hadolint could not parse this file; it was not checked: line {line}: {issue.message}")
        severity = FindingSeverity.MEDIUM
        return Draft(NAME, FindingKind.MISCONFIGURATION, "NOT-SCANNED", severity, title, path=path)
    return Draft(
        NAME,
        FindingKind.MISCONFIGURATION,
        issue.code,
        LEVELS.get(issue.level, FindingSeverity.LOW),
        plain(issue.message),
        path=path,
        line=line,
        context=line_text(source / path, line),
        url=DOCS + issue.code,
    )


def _path(name: str) -> str:
    return name.removeprefix("./")
