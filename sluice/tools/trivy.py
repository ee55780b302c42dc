"""Trivy: secrets, misconfiguration, licences, packages and, with data, vulnerabilities of a directory; offline.

Trivy exits 0 when a lock file is broken, and finds nothing where its rules are switched off. So a canary lies beside
what is scanned (a secret and a lock file that it must report), its configuration files and variables are shut out, and
the parse errors that it shows only when debugging are read.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sluice import command
from sluice.command import Completed
from sluice.errors import CommandError
from sluice.findings.report import ScannerReportError, read_report
from sluice.findings.seen import Seen, failed
from sluice.records.common import ToolUse
from sluice.records.scan import Scanner
from sluice.tools import trivy_drafts
from sluice.tools.programs import clean_environment
from sluice.tools.scan_job import Job
from sluice.tools.trivy_database import KEPT_VARIABLES, Database
from sluice.tools.trivy_report import Report

NAME = "trivy"
VERSION = ("--version",)
REPORT = "trivy.json"
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
# Trivy spends a third of a short scan collecting the garbage of its rules: 1.5 s of CPU become 1.1 s.
FEWER_COLLECTIONS = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
OFFLINE = ("--skip-check-update", "--skip-db-update", "--skip-java-db-update", "--offline-scan", "--secret-config=")


def scan(job: Job, database: Database) -> Seen:
    """Scan everything below `job.root`, which holds `source/` and `release/`; a canary is put beside them.

    Args:
        job: what every scanner is told.
        database: vulnerability data; not usable: vulnerabilities are not looked for, and the result says why.

    Raises:
        CommandError: Trivy ended with an error, or did not end in time.
        ScannerReportError: its report is not there or not whole.
    """
    files = [path for path in job.root.rglob("*") if _is_scanned(path.relative_to(job.root)) and _is_regular(path)]
    _plant(job.root / CANARY)
    done = _run(job, _kinds(files, database), database)
    data = (job.scratch / REPORT).read_bytes() if (job.scratch / REPORT).is_file() else b""
    report = read_report(Report, data, NAME)
    tool = job.use(NAME, done.exit_code, done.seconds)
    blind = _blind(report)
    if blind:
        return failed(NAME, blind, job.version, (tool,))
    unread = sorted({match["path"] for match in UNREAD.finditer(done.errors)})
    content = [result for result in report.results or [] if not _is_canary(result.target)]
    packages, drafts = trivy_drafts.packages(content), trivy_drafts.drafts(content, job.root)
    sbom, convert = sbom_of(job, json.loads(data))
    scanner = Scanner(
        name=NAME,
        version=job.version,
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


def _kinds(files: Sequence[Path], database: Database) -> list[str]:
    """Return which of Trivy's scanners have something to look at."""
    kinds = ["secret", "license", *(["vuln"] if database.usable else [])]
    return kinds + (["misconfig"] if any(CONFIGURATION.search(path.name) for path in files) else [])


def _run(job: Job, kinds: Sequence[str], database: Database) -> Completed:
    words: list[str | Path] = [job.program, "filesystem", *QUIET, *OFFLINE, "--debug", "--format", "json"]
    words += ["--list-all-pkgs", "--scanners", ",".join(kinds), "--file-patterns", LOCKS]
    words += ["--cache-dir", database.cache, "--timeout", f"{job.timeout:.0f}s"]
    words += ["--output", job.scratch / REPORT, "."]
    job.log(f"$ cd {job.root} && {shlex.join(map(str, words))}")
    environment = clean_environment("TRIVY_", keep=KEPT_VARIABLES) | FEWER_COLLECTIONS
    done = command.run(words, cwd=job.root, env=environment, timeout=job.timeout, accept=None)
    for line in done.errors.splitlines():
        if WORTH_LOGGING.search(line) and EXPECTED not in line:
            job.log(line)
    check(done, job.timeout)
    return done


def check(done: Completed, timeout: float) -> None:
    """Raise CommandError unless Trivy ended well and in time."""
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


def sbom_of(job: Job, report: dict[str, Any]) -> tuple[bytes, ToolUse]:
    """Return the CycloneDX SBOM made from the report, without the canary."""
    report["Results"] = [result for result in report.get("Results") or [] if not _is_canary(result["Target"])]
    report["ArtifactName"] = job.subject
    source, target = job.scratch / "content.json", job.scratch / "sbom.cdx.json"
    source.write_text(json.dumps(report))
    words: list[str | Path] = [
        job.program,
        "convert",
        "--quiet",
        "--config=",
        "--format",
        "cyclonedx",
        "--output",
        target,
        source,
    ]
    done = command.run(words, cwd=job.scratch, env=clean_environment("TRIVY_"), timeout=job.timeout, log=job.log)
    if not target.is_file():
        raise ScannerReportError("trivy made no SBOM", found=done.tail(1))
    return target.read_bytes(), job.use("trivy convert", done.exit_code, done.seconds)


def _reason(unread: Sequence[str], truncated: bool) -> str:
    parts = []
    if unread:
        shown = ", ".join(trivy_drafts.shown(path) for path in unread[:3])
        parts.append(f"not read: {shown}{' …' if len(unread) > 3 else ''}")
    if truncated:
        parts.append("its log was too long to be read whole: files that it could not parse may be missing here")
    return "; ".join(parts)
