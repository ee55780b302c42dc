"""Trivy on an image, by its digest and out of its registry: no engine is asked, no tag is believed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from sluice import command
from sluice.command import Completed
from sluice.findings.draft import Draft
from sluice.findings.report import read_report
from sluice.findings.seen import Seen
from sluice.records.image import Layer
from sluice.records.scan import Scanner
from sluice.tools import trivy, trivy_drafts
from sluice.tools.docker.registry_session import Login
from sluice.tools.programs import clean_environment
from sluice.tools.scan_job import Job
from sluice.tools.trivy_database import KEPT_VARIABLES, Database
from sluice.tools.trivy_report import Report, Result

NAME = "trivy image"
REPORT = "trivy-image.json"


@dataclass(frozen=True)
class Subject:
    """The image that is to be scanned.

    Attributes:
        reference: `registry/name@sha256:…`.
        layers: as the build recorded them, for what the base brings.
        login: of its registry.
    """

    reference: str
    layers: tuple[Layer, ...] = ()
    login: Login | None = None


def scan(job: Job, subject: Subject, database: Database) -> tuple[Seen, str]:
    """Scan layers, packages, history and configuration; return the result and the id of the image that Trivy read.

    Raises:
        CommandError: Trivy ended with an error, or did not end in time.
        ScannerReportError: its report is not there or not whole.
    """
    done = _run(job, subject, database)
    path = job.scratch / REPORT
    data = path.read_bytes() if path.is_file() else b""
    report = read_report(Report, data, NAME)
    results = [_named(result, subject.reference) for result in report.results or []]
    packages = trivy_drafts.packages(results)
    base = {layer.digest for layer in subject.layers if layer.from_base}
    layers = _layers(results)
    drafts = tuple(_placed(draft, base, layers) for draft in trivy_drafts.drafts(results, job.root))
    sbom, convert = trivy.sbom_of(job, json.loads(data))
    scanner = Scanner(
        name=NAME,
        version=job.version,
        status="ok",
        items_scanned=len(report.metadata.diff_ids) + len(packages),
        findings=len(drafts),
        database_updated_at=database.updated_at if database.usable else None,
    )
    tool = job.use(NAME, done.exit_code, done.seconds)
    return Seen(scanner, drafts, (tool, convert), packages, sbom, database.reason), report.metadata.image_id


def _run(job: Job, subject: Subject, database: Database) -> Completed:
    kinds = ["secret", "license", "misconfig", *(["vuln"] if database.usable else [])]
    words: list[str | Path] = [job.program, "image", "--image-src", "remote", *trivy.QUIET, *trivy.OFFLINE]
    words += ["--format", "json", "--list-all-pkgs", "--scanners", ",".join(kinds)]
    words += ["--image-config-scanners", "misconfig,secret", "--cache-dir", database.cache]
    words += ["--timeout", f"{job.timeout:.0f}s", "--output", job.scratch / REPORT, subject.reference]
    job.log(f"$ {shlex.join(map(str, words))}")
    environment = clean_environment("TRIVY_", keep=KEPT_VARIABLES) | trivy.FEWER_COLLECTIONS
    if subject.login is not None:  # of this one process, and its alone: a word of its command would be seen by all
        environment |= {"TRIVY_USERNAME": subject.login.username, "TRIVY_PASSWORD": subject.login.password}
    done = command.run(words, cwd=job.scratch, env=environment, timeout=job.timeout, accept=None)
    for line in done.errors.splitlines():
        if trivy.WORTH_LOGGING.search(line) and trivy.EXPECTED not in line:
            job.log(line)
    trivy.check(done, job.timeout)
    return done


def _named(result: Result, reference: str) -> Result:
    """Name what was looked at without the image's reference, which changes with every build."""
    target = result.target.replace(reference, "").strip().strip("()") or "image"
    return result.model_copy(update={"target": f"release/{target}"})


def _layers(results: Sequence[Result]) -> dict[str, str]:
    """Return package → the layer that it is in; a package of several layers is in none of them alone."""
    found: dict[str, set[str]] = {}
    for result in results:
        for part in result.packages or []:
            if part.layer.digest:
                found.setdefault(part.name, set()).add(part.layer.digest)
    return {name: next(iter(layers)) for name, layers in found.items() if len(layers) == 1}


def _placed(draft: Draft, base: Set[str], layers: Mapping[str, str]) -> Draft:
    """Say which layer it is in (of a licence Trivy says only the package), and whether the base image brings that."""
    layer = draft.layer or layers.get(draft.package or "")
    return replace(draft, layer=layer, from_base=layer in base) if layer else draft
