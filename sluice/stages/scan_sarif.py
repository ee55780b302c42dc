"""Scanners of the project's own: a command, and the SARIF files that it writes."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sluice import command
from sluice.config.scan import SarifTool
from sluice.errors import CommandError, ToolMissingError
from sluice.findings.draft import Draft, line_of, plain, severity_of
from sluice.findings.seen import Seen, failed, not_run
from sluice.records.common import ToolUse
from sluice.records.scan import FindingKind, Scanner
from sluice.results import box
from sluice.results.files import Taken, snapshot, take
from sluice.results.problems import ReportError
from sluice.stages.scan_content import Content
from sluice.stages.workplace import Workplace

GRACE_SECONDS = 5.0


def run_declared(
    tools: Sequence[SarifTool], content: Content, place: Workplace, timeout: float, taken: set[str]
) -> tuple[Seen, ...]:
    """Run the project's own scanners one after the other in the scanned source, after all others.

    Args:
        tools: as `scan.sarif` declares them.
        content: what is scanned.
        place: gets the log.
        timeout: seconds of each.
        taken: names that other scanners have.
    """
    seen: list[Seen] = []
    for ordinal, tool in enumerate(tools):
        for one in _run(tool, content, place, timeout, ordinal):
            name = one.scanner.name
            while name in taken:
                name = f"{name} (SARIF)"
            taken.add(name)
            seen.append(_renamed(one, name))
    return tuple(seen)


def _run(tool: SarifTool, content: Content, place: Workplace, timeout: float, ordinal: int) -> list[Seen]:
    name = Path(tool.command[0]).name
    folder = content.scratch / f"sarif-{ordinal}"
    folder.mkdir()
    before = snapshot(content.source, tool.report)
    try:
        done = command.run(
            list(tool.command),
            cwd=content.source,
            env=_environment(folder),
            timeout=timeout,
            log=place.log,
            merge=True,
            accept=None,
            grace=GRACE_SECONDS,
        )
    except (ToolMissingError, CommandError) as error:
        return [not_run(name, f"not on this machine: {error.message}")]
    use = ToolUse(name=name, exit_code=done.exit_code, seconds=done.seconds)
    if done.timed_out:
        return [failed(name, f"did not end within {timeout:g} s", tools=(use,))]
    try:
        files = take(content.source, tool.report, folder / "taken", noun="sarif")
        _refuse_stale(files, before)
        told = _parse(files, folder, content)
    except ReportError as error:
        return [failed(name, f"{error.code}: {error.message} (exit code {done.exit_code})", tools=(use,))]
    for what, count in told["warnings"].items():
        place.log(f"SARIF_ODD: {count} {what}")
    found = _seen_of(told["tools"], _drafts(folder / "findings.csv"), use)
    if done.exit_code != 0 and not any(one.scanner.findings or one.scanner.suppressed for one in found):
        return [failed(name, f"ended with exit code {done.exit_code} and no finding", tools=(use,))]
    return found or [failed(name, "SARIF_FORMAT: its files hold no run", tools=(use,))]


def _environment(folder: Path) -> dict[str, str]:
    """Return a small environment, the same on every run, without anything of ours."""
    home = folder / "home"
    home.mkdir()
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "CI": "true"}


def _refuse_stale(files: Sequence[Taken], before: dict[str, tuple[int, ...]]) -> None:
    for one in files:
        if before.get(one.name) == one.identity:
            raise ReportError("REPORT_STALE", f"{one.name} lay there before, and the command did not write it")


def _parse(files: Sequence[Taken], folder: Path, content: Content) -> dict[str, Any]:
    names = {str(one.copy): one.name for one in files}
    copies = [one.copy for one in files]
    return box.parse("sarif", copies, folder / "findings.csv", names=names, root=str(content.source))


def _drafts(path: Path) -> list[Draft]:
    with path.open(encoding="utf-8", newline="") as file:
        return [_draft(row) for row in csv.DictReader(file)]


def _draft(row: dict[str, str]) -> Draft:
    return Draft(
        tool=plain(row["tool"], 100),
        kind=FindingKind(row["kind"]),
        rule=plain(row["rule"], 200),
        severity=severity_of(row["severity"]),
        title=plain(row["title"]),
        path=row["path"] or None,
        line=line_of(int(row["line"])) if row["line"] else None,
        context=row["context"],
        score=float(row["score"]) if row["score"] else None,
        url=row["url"] or None,
    )


def _seen_of(tools: Sequence[dict[str, Any]], drafts: Sequence[Draft], use: ToolUse) -> list[Seen]:
    """Return one result a tool; runs of one tool are put together, and one that failed makes it failed."""
    found: list[Seen] = []
    for name in dict.fromkeys(plain(tool["name"], 100) for tool in tools):
        mine = [tool for tool in tools if plain(tool["name"], 100) == name]
        broken = next((tool["failed"] for tool in mine if tool["failed"]), "")
        version = plain(mine[0]["version"], 100)
        used = () if found else (use,)
        if broken:
            found.append(failed(name, plain(broken), version, used))
            continue
        scanner = Scanner(
            name=name,
            version=version,
            status="ok",
            items_scanned=sum(tool["items"] for tool in mine),
            suppressed=sum(tool["suppressed"] for tool in mine),
            findings=sum(tool["findings"] for tool in mine),
        )
        found.append(Seen(scanner, tuple(draft for draft in drafts if draft.tool == name), used))
    return found


def _renamed(seen: Seen, name: str) -> Seen:
    if seen.scanner.name == name:
        return seen
    scanner = seen.scanner.model_copy(update={"name": name})
    return Seen(scanner, seen.drafts, seen.tools, not_scanned_reason=seen.not_scanned_reason)
