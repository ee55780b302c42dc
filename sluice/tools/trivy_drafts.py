"""Trivy's report as drafts of findings and as packages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from sluice.findings.draft import Draft, line_of, package_name, plain, score_of, severity_of
from sluice.findings.merge import RELEASE
from sluice.records.scan import FindingKind, FindingSeverity, Package
from sluice.tools.trivy_report import Licence, Misconfiguration, Result, Secret, Vulnerability

TOOL = "trivy"
NVD_FIRST = ("nvd", "ghsa")
SCORES = ("V40Score", "V3Score", "V2Score")
READ_LIMIT = 32 << 20  # bytes of a file that are read to tell its secrets apart


def shown(target: str) -> str:
    """Return a path below the scanned directory as people know it: `app/main.py`, `release:requirements.lock`."""
    root, _, rest = target.partition("/")
    return rest if root == "source" and rest else f"{RELEASE}{rest}" if root == "release" and rest else target


def drafts(results: Iterable[Result], root: Path) -> tuple[Draft, ...]:
    """Return a draft for everything that Trivy reports; `root` is the scanned directory."""
    return tuple(draft for result in results for draft in _of_result(result, root))


def _of_result(result: Result, root: Path) -> Iterator[Draft]:
    for vulnerability in result.vulnerabilities or []:
        yield _vulnerability(vulnerability, result)
    for misconfiguration in result.misconfigurations or []:
        if misconfiguration.status in ("", "FAIL"):
            yield _misconfiguration(misconfiguration, result, root)
    for secret in result.secrets or []:
        yield _secret(secret, result, root)
    for licence in result.licenses or []:
        yield _licence(licence, result)


def unread(target: str) -> Draft:
    """Return the draft for a file that Trivy could not parse, and so did not scan."""
    title = "trivy could not read this file; it was not scanned"
    severity = FindingSeverity.MEDIUM
    return Draft(TOOL, FindingKind.MISCONFIGURATION, "NOT-SCANNED", severity, title, path=shown(target))


def packages(results: Iterable[Result]) -> tuple[Package, ...]:
    """Return each package once (name, version, ecosystem), in order."""
    found: dict[tuple[str, str, str], Package] = {}
    for result in results:
        for part in result.packages or []:
            kind = _ecosystem(part.identifier.purl, result.type)
            key = (kind, package_name(part.name, kind), part.version)
            earlier = found[key].licences if key in found else ()
            licences = tuple(sorted({*earlier, *(part.licenses or [])}))
            found[key] = Package(
                name=part.name, version=part.version, type=kind, purl=part.identifier.purl, licences=licences
            )
    return tuple(found[key] for key in sorted(found))


def _ecosystem(purl: str | None, fallback: str) -> str:
    match = re.match(r"pkg:([^/]+)/", unquote(purl or ""))
    return match[1].lower() if match else fallback


def _vulnerability(part: Vulnerability, result: Result) -> Draft:
    kind = _ecosystem(part.pkg_identifier.purl, result.type)
    return Draft(
        TOOL,
        FindingKind.VULNERABILITY,
        part.vulnerability_id,
        severity_of(part.severity),
        plain(part.title or part.description or part.vulnerability_id),
        path=shown(result.target),
        package=package_name(part.pkg_name, kind),
        ecosystem=kind,
        version=part.installed_version or None,
        fixed_version=part.fixed_version or None,
        score=_score(part),
        url=part.primary_url,
        aliases=tuple(part.vendor_ids or ()),
        layer=part.layer.digest or None,
    )


def _score(part: Vulnerability) -> float | None:
    """Return the CVSS score of the source that the severity is from, else of NVD, GitHub, anybody."""
    cvss = part.cvss or {}
    for vendor in (part.severity_source, *NVD_FIRST, *sorted(cvss)):
        for name in SCORES:
            score = score_of(cvss.get(vendor, {}).get(name))
            if score is not None:
                return score
    return None


def _misconfiguration(part: Misconfiguration, result: Result, root: Path) -> Draft:
    line = line_of(part.cause_metadata.start_line)
    is_dockerfile = result.type == "dockerfile"
    return Draft(
        TOOL,
        FindingKind.MISCONFIGURATION,
        part.id,
        severity_of(part.severity),
        plain(f"{part.title}: {part.message}" if part.message else part.title),
        path=shown(result.target),
        line=line,
        context=line_text(root / result.target, line) if is_dockerfile else _where(part),
        url=part.primary_url,
    )


def _where(part: Misconfiguration) -> str:
    return f"{part.cause_metadata.resource} {part.message}".strip()


def _secret(part: Secret, result: Result, root: Path) -> Draft:
    """The value itself is never kept: title and rule say what it is, a digest in memory tells it from others."""
    return Draft(
        TOOL,
        FindingKind.SECRET,
        part.rule_id,
        severity_of(part.severity),
        plain(part.title or part.rule_id),
        path=shown(result.target),
        line=line_of(part.start_line),
        context=hashlib.sha256(part.match.encode()).hexdigest(),
        secret=_digest(part, root / result.target),
        layer=part.layer.digest or None,
    )


def _digest(part: Secret, path: Path) -> str:
    stars = max((len(run) for run in re.findall(r"\*+", part.match)), default=0)
    data = b""
    if path.is_file():  # a file of an image is not here: its masked line tells it apart
        with path.open("rb") as file:
            data = file.read(READ_LIMIT)
    return hashlib.sha256(data[part.offset : part.offset + stars] or part.match.encode()).hexdigest()


def _licence(part: Licence, result: Result) -> Draft:
    """Only a forbidden licence has weight: what the others ask for is no danger, and is in the SBOM."""
    forbidden = part.category == "forbidden"
    lesser = FindingSeverity.UNKNOWN if part.category == "unknown" else FindingSeverity.LOW
    kind = _ecosystem(None, result.type)
    return Draft(
        TOOL,
        FindingKind.LICENCE,
        part.name,
        severity_of(part.severity) if forbidden else lesser,
        plain(f"{part.pkg_name or PurePosixPath(result.target).name} has a {part.category or 'unknown'} licence"),
        path=shown(part.file_path or result.target),
        package=part.pkg_name or None,
        ecosystem=kind,
    )


def line_text(path: Path, line: int | None) -> str:
    """Return the text of one line of a file; empty when it has no such line."""
    if line is None or not path.is_file() or path.is_symlink():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return next((text.strip() for number, text in enumerate(file, 1) if number == line), "")
