"""Trivy on a bill of materials: what is known by now of the packages of a release that was scanned before."""

from __future__ import annotations

import shlex
from pathlib import Path

from sluice import command
from sluice.findings.draft import Draft
from sluice.findings.report import ScannerReportError, read_report
from sluice.tools import trivy, trivy_drafts
from sluice.tools.programs import clean_environment
from sluice.tools.scan_job import Job
from sluice.tools.trivy_database import Database
from sluice.tools.trivy_report import Report

REPORT = "trivy-sbom.json"


def scan(job: Job, sbom: Path, database: Database) -> tuple[tuple[Draft, ...], int]:
    """Return the vulnerabilities of a CycloneDX file's packages, and how many packages there are.

    Raises:
        CommandError: Trivy ended with an error, or did not end in time.
        ScannerReportError: its report is not there or not whole, or it saw no package.
    """
    words: list[str | Path] = [job.program, "sbom", "--skip-version-check", "--disable-telemetry", "--no-progress"]
    words += ["--config=", "--ignorefile=", "--skip-db-update", "--skip-java-db-update", "--offline-scan"]
    words += ["--scanners", "vuln", "--list-all-pkgs", "--format", "json", "--cache-dir", database.cache]
    words += ["--timeout", f"{job.timeout:.0f}s", "--output", job.scratch / REPORT, sbom]
    job.log(f"$ {shlex.join(map(str, words))}")
    environment = clean_environment("TRIVY_") | trivy.FEWER_COLLECTIONS
    done = command.run(words, cwd=job.scratch, env=environment, timeout=job.timeout, accept=None)
    trivy.check(done, job.timeout)
    path = job.scratch / REPORT
    report = read_report(Report, path.read_bytes() if path.is_file() else b"", trivy.NAME)
    packages = trivy_drafts.packages(report.results or [])
    if not packages:
        raise ScannerReportError("trivy saw no package in the bill of materials", found=sbom.name)
    return trivy_drafts.drafts(report.results or [], job.root), len(packages)
