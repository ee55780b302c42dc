"""The scan section of `sluice.yaml`: what is looked for, what stops a run, which findings are accepted for a time."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.texts import Day, ProjectPath
from sluice.config.units import Duration

SeverityGate = Literal["critical", "high", "medium", "low", "none"]


class FindingWaiver(Declared):
    """An accepted finding: who accepted it, why, and until when."""

    fingerprint: str = Field(min_length=1, description="The finding's fingerprint, as the report shows it.")
    reason: str = Field(min_length=8, description="Why it is accepted; at least 8 characters.")
    owner: str = Field(min_length=1, description="Who accepted it.")
    expires: Day = Field(description="Last day on which it is accepted, YYYY-MM-DD; afterwards it stops runs (S06).")


class SarifTool(Declared):
    """A scanner that Sluice does not know: a command in the scanned source that writes SARIF 2.1.0."""

    command: tuple[str, ...] = Field(min_length=1, description="Command as a list of words.")
    report: ProjectPath = Field(
        description="SARIF files that it writes, relative to the project; globs and gzip allowed."
    )


class LicenceConfig(Declared):
    """Which licences the packages of a release may not have."""

    deny: tuple[str, ...] = Field(
        default=(), description="Globs of licence names, e.g. `AGPL-*`, `SSPL-1.0`; each such package is critical."
    )


class ScanConfig(Declared):
    """What the scan looks for and what stops a run."""

    gate: SeverityGate = Field(default="high", description="Findings of this severity or above stop the run.")
    scanners: tuple[Literal["trivy", "bandit", "hadolint"], ...] = Field(
        default=("trivy", "bandit", "hadolint"), min_length=1, description="Which scanners run."
    )
    exclude: tuple[ProjectPath, ...] = Field(
        default=(), description="Paths that are not scanned, for example test fixtures."
    )
    waivers: tuple[FindingWaiver, ...] = Field(
        default=(), description="Findings that are accepted for a time; each is shown in every report."
    )
    sarif: tuple[SarifTool, ...] = Field(
        default=(), description="More scanners: commands that write SARIF 2.1.0 in the scanned source."
    )
    licences: LicenceConfig = Field(default=LicenceConfig(), description="Licences that stop a run.")
    timeout: Duration = Field(default=600.0, description="Time limit of a scanner.")
