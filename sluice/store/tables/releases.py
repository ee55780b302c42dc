"""Artifacts, releases, and what the scan found in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import (
    Base,
    Json,
    Texts,
    UuidText,
    column,
    commit,
    count,
    digest,
    one_of,
    sha256,
    written_at,
)

STAGE = "stage_runs.id"
# As in sluice.records.scan, which is slow to import; a test holds them equal.
FINDING_KINDS = ("vulnerability", "secret", "misconfiguration", "licence", "code")
FINDING_SEVERITIES = ("critical", "high", "medium", "low", "unknown")


class Artifact(Base):
    """A file in the artifact store."""

    __tablename__ = "artifacts"
    __table_args__ = (sha256("sha256"), *count("size"), {"comment": "Files, named by what they hold."})

    sha256: Mapped[str] = column("Hex SHA-256 of its bytes.", primary_key=True)
    size: Mapped[int] = column("Bytes.")
    media_type: Mapped[str] = column("Media type.")
    uri: Mapped[str | None] = column("Where it lies; empty: in the local artifact store, by its digest.")
    created_at: Mapped[datetime] = written_at("When a stage first produced it.")


class Release(Base):
    """An immutable build output with its commit."""

    __tablename__ = "releases"
    __table_args__ = (
        one_of("kind", ("bundle", "image")),
        digest("digest"),
        commit("commit_sha"),
        *count("size"),
        UniqueConstraint("number"),
        {"comment": "Releases: immutable build outputs, by digest."},
    )

    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"), primary_key=True)
    digest: Mapped[str] = column("Digest, `sha256:…`.", primary_key=True)
    number: Mapped[int] = column("Order in which releases came to be known.", Identity(always=True))
    kind: Mapped[str] = column("bundle or image.")
    version: Mapped[str] = column("Version as the build named it.")
    commit_sha: Mapped[str] = column("Commit that it was built from.")
    size: Mapped[int] = column("Bytes.")
    record: Mapped[Json] = column("The release as deploy, scan and smoke name it.")
    stage_run_id: Mapped[UuidText | None] = column("Build that made it.", ForeignKey(STAGE))
    created_at: Mapped[datetime] = written_at("When it came to be known.")


class Package(Base):
    """One component of a release's bill of materials."""

    __tablename__ = "packages"
    __table_args__ = (
        Index("ix_packages_name_version", "name", "version"),
        {"comment": "Components of scanned releases (SBOM)."},
    )

    stage_run_id: Mapped[UuidText] = column("Scan.", ForeignKey(STAGE, ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = column("Order in the bill, from 1.", primary_key=True)
    name: Mapped[str] = column("Name.")
    version: Mapped[str] = column("Version.")
    type: Mapped[str] = column("Ecosystem or package format.")
    purl: Mapped[str | None] = column("Package URL.")
    licences: Mapped[Texts] = column("Licences as declared.")


class ScannerRun(Base):
    """What one scanner looked at, or why it did not."""

    __tablename__ = "scanner_runs"
    __table_args__ = (
        one_of("status", ("ok", "failed", "not_run")),
        *count("items_scanned", "items_skipped", "suppressed", "findings"),
        CheckConstraint("status = 'ok' OR reason <> ''", name="says_why"),
        {"comment": "What each scanner looked at, or why it did not."},
    )

    stage_run_id: Mapped[UuidText] = column("Scan.", ForeignKey(STAGE, ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = column("Scanner.", primary_key=True)
    version: Mapped[str] = column("Its version.", server_default="")
    status: Mapped[str] = column("ok, failed or not_run.")
    reason: Mapped[str] = column("Why it failed or did not run.", server_default="")
    items_scanned: Mapped[int] = column("Files, packages or lines that it looked at.")
    items_skipped: Mapped[int] = column("Files that it could not read.", server_default="0")
    suppressed: Mapped[int] = column("Comments in the code that tell it to look away.", server_default="0")
    findings: Mapped[int] = column("What it found, before merging.")
    database_updated_at: Mapped[datetime | None] = column("Age of its vulnerability data.")


class Finding(Base):
    """One problem that a scan found. No foreign key to the scan: old months are dropped whole."""

    __tablename__ = "findings"
    __table_args__ = (
        one_of("kind", FINDING_KINDS),
        one_of("severity", FINDING_SEVERITIES),
        CheckConstraint("score BETWEEN 0 AND 10", name="score"),
        CheckConstraint("line >= 1", name="line"),
        CheckConstraint("NOT (waived AND blocking)", name="waived_does_not_block"),
        Index("ix_findings_fingerprint", "fingerprint", "found_at"),
        {
            "comment": "Findings of scans, merged over the tools, by month.",
            "postgresql_partition_by": "RANGE (found_at)",
        },
    )

    stage_run_id: Mapped[UuidText] = column("Scan (stage_runs.id).", primary_key=True)
    fingerprint: Mapped[str] = column("Stable over runs, lines and tools.", primary_key=True)
    found_at: Mapped[datetime] = column("End of the scan; names the month.", primary_key=True)
    project_id: Mapped[int] = column("Project (projects.id).")
    kind: Mapped[str] = column("vulnerability, secret, misconfiguration, licence or code.")
    rule: Mapped[str] = column("Rule, CVE or check.")
    severity: Mapped[str] = column("critical, high, medium, low or unknown.")
    title: Mapped[str] = column("What it is.")
    tools: Mapped[Texts] = column("Which tools named it.")
    path: Mapped[str | None] = column("File.")
    line: Mapped[int | None] = column("Line.")
    package: Mapped[str | None] = column("Package.")
    version: Mapped[str | None] = column("Version of the package.")
    fixed_version: Mapped[str | None] = column("Version that mends it.")
    score: Mapped[float | None] = column("CVSS score, 0 to 10.")
    url: Mapped[str | None] = column("Where to read about it.")
    waived: Mapped[bool] = column("Accepted in sluice.yaml.")
    blocking: Mapped[bool] = column("At or above the gate, and not waived.")
    layer: Mapped[str | None] = column("Of an image: layer that it is in.")
    from_base: Mapped[bool | None] = column("Of an image: whether the base image brings it.")
