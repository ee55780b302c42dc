"""Records of the scan stage."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, Field

from sluice.config.docker import RegistryLogin
from sluice.config.model import ScanConfig
from sluice.records.build import Release
from sluice.records.common import ArtifactRef, Frozen, SourceRef, StageRecord
from sluice.records.image import Layer
from sluice.states import StageName


class FindingKind(StrEnum):
    """What a finding is about."""

    VULNERABILITY = "vulnerability"
    SECRET = "secret"  # noqa: S105 - a kind, not a password
    MISCONFIGURATION = "misconfiguration"
    LICENCE = "licence"
    CODE = "code"


class FindingSeverity(StrEnum):
    """Normalised severity, highest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


class Finding(Frozen):
    """One problem, whichever tools named it. `fingerprint` is stable across runs and lines."""

    fingerprint: str
    kind: FindingKind
    rule: str
    severity: FindingSeverity
    title: str
    tools: tuple[str, ...]
    path: str | None = None
    line: int | None = Field(default=None, ge=1)
    package: str | None = None
    version: str | None = None
    fixed_version: str | None = None
    score: float | None = Field(default=None, ge=0, le=10)
    url: str | None = None
    layer: str | None = Field(default=None, description="of an image: the layer that it is in")
    from_base: bool | None = Field(default=None, description="of an image: whether the base image brings it")


class Package(Frozen):
    """One component of the SBOM."""

    name: str
    version: str
    type: str
    purl: str | None = None
    licences: tuple[str, ...] = ()


class Scanner(Frozen):
    """One scanner's run: what it looked at, or why it did not."""

    name: str
    version: str = ""
    status: str  # ok | failed | not_run
    reason: str = ""
    items_scanned: int = Field(default=0, ge=0, description="trivy: files and packages; bandit: lines; hadolint: files")
    items_skipped: int = Field(default=0, ge=0, description="files that it could not read; `reason` names some")
    suppressed: int = Field(default=0, ge=0, description="comments in the code that tell it to look away")
    findings: int = Field(default=0, ge=0)
    database_updated_at: AwareDatetime | None = None


class ScanRequest(Frozen):
    """What to scan: the accepted source and the release made of it."""

    source: SourceRef
    release: Release
    config: ScanConfig
    layers: tuple[Layer, ...] = Field(default=(), description="of an image, as the build recorded them")
    login: RegistryLogin | None = Field(default=None, description="of the image's registry")
    dockerfile: str = Field(default="", description="of an image: path in the source that it was built of")
    base: dict[str, date] = Field(
        default_factory=dict,
        description="findings of the newest passed scan of the default branch that would block now: first seen when",
    )


class ScanRecord(StageRecord):
    """Findings of all scanners, merged; `findings` holds all up to 1,000, the rest is in the artifact."""

    STAGE: ClassVar[StageName] = StageName.SCAN

    subject_digest: str = Field(description="the release that is to be deployed")
    scanned_digest: str = Field(description="the release whose content was scanned, digest taken again by the scan")
    scanned_tree: str
    scanners: tuple[Scanner, ...]
    findings: tuple[Finding, ...]
    findings_total: int = Field(ge=0)
    waived: tuple[str, ...] = Field(default=(), description="fingerprints accepted in sluice.yaml")
    gate: FindingSeverity | None
    blocking: tuple[str, ...] = Field(description="fingerprints at or above the gate and not waived")
    packages: tuple[Package, ...]
    sbom: ArtifactRef | None
    vulnerabilities_scanned: bool
    not_scanned_reason: str = ""
    expired: tuple[str, ...] = Field(default=(), description="fingerprints of findings whose waiver has expired (S06)")
    old: dict[str, date] = Field(
        default_factory=dict, description="fingerprints at or above the gate that the base has too: first seen when"
    )
    image_packages: int | None = Field(
        default=None, ge=0, description="packages that were found in the image; None: the release is no image"
    )
    excluded_files: int = Field(default=0, ge=0, description="files left out by `scan.exclude`")

    def headline(self) -> str:
        """Return the number of findings by severity, packages, and whether vulnerabilities were looked for."""
        counts = [
            f"{n} {severity}"
            for severity in FindingSeverity
            if (n := sum(f.severity == severity for f in self.findings))
        ]
        found = ", ".join(counts) or "no findings"
        tail = "" if self.vulnerabilities_scanned else " · not scanned for vulnerabilities"
        return f"{found} · {len(self.packages)} packages{tail}"
