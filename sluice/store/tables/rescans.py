"""What serves, looked at again with newer vulnerability data."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, column, count, digest, key, one_of, written_at
from sluice.store.tables.releases import FINDING_SEVERITIES


class Rescan(Base):
    """One look at what serves in one environment."""

    __tablename__ = "rescans"
    __table_args__ = (
        digest("release_digest"),
        *count("packages"),
        Index("ix_rescans_environment_id_id", "environment_id", "id"),
        {"comment": "Looks at what serves, with newer vulnerability data than its scan had."},
    )

    id: Mapped[int] = key("Number of the look.")
    environment_id: Mapped[int] = column("Environment.", ForeignKey("environments.id"))
    release_digest: Mapped[str] = column("Release that served there.")
    problem: Mapped[str] = column("Why nothing could be looked for; empty: it could.", server_default="")
    database_updated_at: Mapped[datetime | None] = column("Age of the vulnerability data.")
    packages: Mapped[int] = column("Packages that were looked at.")
    scanned_at: Mapped[datetime] = written_at("When.")


class RescanFinding(Base):
    """One vulnerability that such a look found."""

    __tablename__ = "rescan_findings"
    __table_args__ = (
        one_of("severity", FINDING_SEVERITIES),
        CheckConstraint("score BETWEEN 0 AND 10", name="score"),
        Index("ix_rescan_findings_fingerprint", "fingerprint"),
        {"comment": "Vulnerabilities that looks at what serves have found."},
    )

    rescan_id: Mapped[int] = column("Look.", ForeignKey("rescans.id", ondelete="CASCADE"), primary_key=True)
    fingerprint: Mapped[str] = column("As in findings.", primary_key=True)
    is_new: Mapped[bool] = column("The release's own scan did not know it.")
    rule: Mapped[str] = column("CVE or other name.")
    severity: Mapped[str] = column("critical, high, medium, low or unknown.")
    title: Mapped[str] = column("What it is.")
    package: Mapped[str | None] = column("Package.")
    version: Mapped[str | None] = column("Version of the package.")
    fixed_version: Mapped[str | None] = column("Version that mends it.")
    score: Mapped[float | None] = column("CVSS score, 0 to 10.")
    url: Mapped[str | None] = column("Where to read about it.")
