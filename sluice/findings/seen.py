"""What one scanner's run gave."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.findings.draft import Draft
from sluice.records.common import ToolUse
from sluice.records.scan import Package, Scanner


@dataclass(frozen=True)
class Seen:
    """The result of one scanner: its status, what it found, and the run of the program.

    Attributes:
        sbom: CycloneDX JSON; None from a scanner that makes none.
        not_scanned_reason: why nothing was scanned for vulnerabilities; empty when it was.
    """

    scanner: Scanner
    drafts: tuple[Draft, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    packages: tuple[Package, ...] = ()
    sbom: bytes | None = None
    not_scanned_reason: str = "not a scanner of vulnerabilities"


def not_run(name: str, reason: str, version: str = "") -> Seen:
    """Return the result of a scanner that had nothing to do, or that is not on this machine."""
    scanner = Scanner(name=name, version=version, status="not_run", reason=reason)
    return Seen(scanner, not_scanned_reason=f"{name} did not run: {reason}")


def failed(name: str, reason: str, version: str = "", tools: tuple[ToolUse, ...] = ()) -> Seen:
    """Return the result of a scanner that broke: whatever it had found by then proves nothing."""
    scanner = Scanner(name=name, version=version, status="failed", reason=reason)
    return Seen(scanner, tools=tools, not_scanned_reason=f"{name} failed: {reason}")
