"""What a boundary knows of one lie."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.states import Severity, StageName


@dataclass(frozen=True)
class Lie:
    """One way in which a pipeline lies.

    Attributes:
        code: stable code (`T01`).
        name: stable name (`NO_TESTS`); a check may tell a close variant of it apart (`COVERAGE_STALE`).
        boundary: the stage whose record is checked.
        severity: what a failed check does.
        says: the first sentence of the message that the user reads.
        lie: what looks fine and is not true.
        next_step: what the user does now.
    """

    code: str
    name: str
    boundary: StageName
    severity: Severity
    says: str
    lie: str
    next_step: str
