"""What every scanner is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sluice.command import LineSink
from sluice.records.common import ToolUse


@dataclass(frozen=True)
class Job:
    """One run of one scanner.

    Attributes:
        program: absolute path of the scanner.
        version: its version, for the record.
        root: the directory that it scans.
        scratch: for its configuration and reports; not scanned.
        cache: for what it may keep until the next run.
        timeout: seconds.
        log: gets the command and what the scanner warns of.
        subject: project and version, for the SBOM.
    """

    program: Path
    version: str
    root: Path
    scratch: Path
    cache: Path
    timeout: float
    log: LineSink
    subject: str = ""

    def use(self, name: str, exit_code: int, seconds: float) -> ToolUse:
        """Return the record of one run of the program."""
        return ToolUse(name=name, version=self.version, exit_code=exit_code, seconds=seconds)
