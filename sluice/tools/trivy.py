"""Trivy: secrets, misconfiguration, licences, packages and, with data, vulnerabilities of a directory; offline.

Trivy exits 0 when a lock file is broken, and finds nothing where its rules are switched off. So a canary lies beside
what is scanned (a secret and a lock file that it must report), its configuration files and variables are shut out, and
the parse errors that it shows only when debugging are read.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sluice import command
from sluice.command import Completed, LineSink
from sluice.errors import CommandError
from sluice.findings.report import ScannerReportError, read_report
from sluice.findings.seen import Seen, failed
from sluice.records.common import ToolUse
from sluice.records.scan import Scanner
from sluice.tools import trivy_drafts
from sluice.tools.programs import clean_environment
from sluice.tools.trivy_database import KEPT_VARIABLES, Database
from sluice.tools.trivy_report import Report

NAME = "trivy"
VERSION = ("--version",)
CANARY = "canary"
CANARY_PACKAGE = "sluice-canary"
LOCKS = r"pip:(^|/)requirements[^/]*\.(lock|txt)$"  # the lock of a release bundle too
WORTH_LOGGING = re.compile(r"\t(WARN|ERROR|FATAL)\t|\tDEBUG\tWalk error")
EXPECTED = "Falling back to embedded checks"  # what --skip-check-update means
UNREAD = re.compile(r'(?:Walk error|Failed to parse file|Error parsing file)\t.*?file_path="(?P<path>[^"]+)"')
SUPPRESSION = re.compile(r"^.*(?:#|//).*trivy:ignore:", re.MULTILINE)
SUPPRESSIBLE = re.compile(r"\.(tf|ya?ml)$|dockerfile|containerfile", re.IGNORECASE)
# Files that can be a configuration which Trivy knows; without one its rules (1 s) are not loaded.
CONFIGURATION = re.compile(
    r"(?<!^sluice)\.(ya?ml|json|tf|tfvars|tfplan|tgz|gz|tar|template)$|dockerfile|containerfile", re.IGNORECASE
)
QUIET = ("--skip-version-check", "--disable-telemetry", "--no-progress", "--config=", "--ignorefile=")
OFFLINE = ("--skip-check-update", "--skip-db-update", "--skip-java-db-update", "--offline-scan", "--secret-config=")


def scan(
    program: Path, version: str, root: Path, scratch: Path, database: Database, timeout: float, log: LineSink
) -> Seen:
    """Scan everything below `root`, which holds `source/` and `release/`.

    Args:
        program: Trivy.
        version: its version, for the record.
        root: directory to scan; a canary is put into it.
        scratch: directory for reports, outside `root`.
        database: vulnerability data; not usable: vulnerabilities are not looked for, and the result says why.
        timeout: seconds.
        log: gets the command and what Trivy warns of.

    Raises:
        CommandError: Trivy ended with an error, or did not end in time.
        ScannerReportError: its report is not there or not whole.
    """
    files = [path for path in root.rglob("*") if _is_scanned(path.relative_to(root)) and _is_regular(path)]
    kinds = ["secret", "license", *(["vuln"] if database.usable else [])]
    kinds += ["misconfig"] if any(CONFIGURATION.search(path.name) for path in files) else []
    _plant(root / CANARY)
    done = _run(program, root, scratch / "trivy.json", kinds, database, timeout, log)
    tool = ToolUse(name=NAME, version=version, exit_code=done.exit_code, seconds=done.seconds)
    data = (scratch / "trivy.json").read_bytes() if (scratch / "trivy.json").is_file() else b""
    report = read_report(Report, data, NAME)
    blind = _blind(report)
    if blind:
        return failed(NAME, blind, version, (tool,))
    unread = sorted({match["path"] for match in UNREAD.finditer(done.errors)})
    content = [r for r in report.results or [] if not _is_canary(r.target)]
    packages = trivy_drafts.packages(content)
    sbom, convert = _sbom(program, scratch, json.loads(data), timeout, log, version)
    drafts = trivy_drafts.drafts(content, root)
    scanner = Scanner(
        name=NAME,
        version=version,
        status="ok",
        reason=_reason(unread, done.truncated),
        items_scanned=len(files) - len(unread) + len(packages),
        items_skipped=len(unread),
        suppressed=_suppressed(files),
        findings=len(drafts),
        database_updated_at=database.updated_at if database.usable else None,
    )
    drafts += tuple(trivy_drafts.unread(path) for path in unread)
    return Seen(scanner, drafts, (tool, convert), packages, sbom, database.reason)


def _run(
    program: Path, root: Path, report: Path, kinds: Sequence[str], database: Database, timeout: float, log: LineSink
) -> Completed:
    words: list[str | Path] = [program, "filesystem", *QUIET, *OFFLINE, "--debug", "--format", "json"]
    words += ["--list-all-pkgs", "--scanners", ",".join(kinds), "--file-patterns", LOCKS]
    words += ["--cache-dir", database.cache, "--timeout", f"{timeout:.0f}s", "--output", report, "."]
    done = command.run(
        words, cwd=root, env=clean_environment("TRIVY_", keep=KEPT_VARIABLES), timeout=timeout, accept=None
    )
    log(f"$ cd {root} && " + " ".join(map(str, words)))
    for line in done.errors.splitlines():
        if WORTH_LOGGING.search(line) and EXPECTED not in line:
            log(line)
    _check(done, timeout)
    return done


def _check(done: Completed, timeout: float) -> None:
    if done.timed_out:
        raise CommandError(f"trivy did not end within {timeout:g} s", code="TIMED_OUT")
    if done.exit_code != 0:
        last = next((line for line in reversed(done.errors.splitlines()) if "\tFATAL\t" in line), done.tail(1))
        raise CommandError(f"trivy ended with exit code {done.exit_code}", found=last.split("\t", 2)[-1])


def _plant(folder: Path) -> None:
    """Put a secret and a lock file where a Trivy that works reports them."""
    folder.mkdir(parents=True)
    key = "AKIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))
    (folder / "credentials.txt").write_text(f"aws_access_key_id = {key}\n")
    (folder / "requirements.txt").write_text(f"{CANARY_PACKAGE}==1.0\n")


def _blind(report: Report) -> str:
    """Tell what Trivy did not see of the canary; empty when it saw all."""
    planted = [result for result in report.results or [] if _is_canary(result.target)]
    lost = [] if any(result.secrets for result in planted) else ["the secret"]
    names = {package.name for result in planted for package in result.packages or []}
    lost += [] if CANARY_PACKAGE in names else ["the package"]
    return f"trivy did not report {' and '.join(lost)} planted for it: it looks at nothing" if lost else ""


def _is_scanned(path: Path) -> bool:
    return ".git" not in path.parts  # Trivy leaves it out


def _is_regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_canary(target: str) -> bool:
    return target == CANARY or target.startswith(f"{CANARY}/")


def _suppressed(files: Sequence[Path]) -> int:
    """Return how many comments tell Trivy to look away (it does not say so itself)."""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in files if SUPPRESSIBLE.search(path.name))
    return sum(len(SUPPRESSION.findall(text)) for text in texts)


def _sbom(
    program: Path, scratch: Path, report: dict[str, Any], timeout: float, log: LineSink, version: str
) -> tuple[bytes, ToolUse]:
    """Return the CycloneDX SBOM made from the report, without the canary."""
    report["Results"] = [r for r in report.get("Results") or [] if not _is_canary(r["Target"])]
    source, target = scratch / "content.json", scratch / "sbom.cdx.json"
    source.write_text(json.dumps(report))
    words: Sequence[str | Path] = [program, "convert", "--config=", "--format", "cyclonedx", "--output", target, source]
    done = command.run(words, cwd=scratch, env=clean_environment("TRIVY_"), timeout=timeout, log=log)
    if not target.is_file():
        raise ScannerReportError("trivy made no SBOM", found=done.tail(1))
    use = ToolUse(name="trivy convert", version=version, exit_code=done.exit_code, seconds=done.seconds)
    return target.read_bytes(), use


def _reason(unread: Sequence[str], truncated: bool) -> str:
    parts = []
    if unread:
        shown = ", ".join(trivy_drafts.shown(path) for path in unread[:3])
        parts.append(f"not read: {shown}{' …' if len(unread) > 3 else ''}")
    if truncated:
        parts.append("its log was too long to be read whole: files that it could not parse may be missing here")
    return "; ".join(parts)
