"""The report of a run as data: what `--json` prints, and what the terminal and the HTML show."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sluice.report.changed_lines import ChangeCoverage
from sluice.report.lineage import Node
from sluice.store.views import FailureView, RunView

VERSION = 1  # raise it when a field is removed or changes its meaning; new fields may come at any time


@dataclass(frozen=True)
class Execution:
    """One framework's run in one cell of the matrix."""

    framework: str
    cell: str
    total: int
    passed: int
    failed: int
    skipped: int
    seconds: float
    line_rate: float | None
    flaky: int = 0


@dataclass(frozen=True)
class AttachmentFacts:
    """A file that a report names beside a test (empty: a suite); `problem` says why it is not kept."""

    test: str
    cell: str
    path: str
    media_type: str | None
    size: int | None
    sha256: str | None
    problem: str


@dataclass(frozen=True)
class OutputFacts:
    """What a suite printed beside its cases; `characters` counts what is left out too."""

    cell: str
    suite: str
    stream: str
    characters: int
    output: str


@dataclass(frozen=True)
class Tests:
    """The test stage: red ones first, and the last lines of its log when it is not green."""

    __test__ = False

    executions: tuple[Execution, ...]
    failed: tuple[FailureView, ...]
    failed_total: int
    log: tuple[str, ...]
    change: ChangeCoverage | None
    change_gate: float | None = None
    attachments: tuple[AttachmentFacts, ...] = ()
    output: tuple[OutputFacts, ...] = ()


@dataclass(frozen=True)
class FoundProblem:
    """One finding of the scan."""

    fingerprint: str
    severity: str
    kind: str
    rule: str
    title: str
    path: str | None
    line: int | None
    package: str | None
    version: str | None
    fixed_version: str | None
    tools: tuple[str, ...]
    url: str | None
    waived: bool
    blocking: bool

    @property
    def place(self) -> str:
        """Where it is: file and line, or package and version."""
        if self.path:
            return f"{self.path}:{self.line}" if self.line else self.path
        return f"{self.package or ''} {self.version or ''}".strip()


@dataclass(frozen=True)
class Base:
    """The accepted scan that findings are compared with: the newest of the default branch before this run."""

    run_id: str
    branch: str
    commit: str | None


@dataclass(frozen=True)
class Findings:
    """Findings, new ones first; without a base all are `old`, because nobody can say what is new."""

    base: Base | None
    new: tuple[FoundProblem, ...]
    old: tuple[FoundProblem, ...]
    gone: tuple[FoundProblem, ...]


@dataclass(frozen=True)
class Waiver:
    """Something that is accepted for a time: a finding by its fingerprint, or a check by its code."""

    kind: str
    subject: str
    reason: str
    owner: str
    expires: date | None
    expired: bool


@dataclass(frozen=True)
class ReleaseFacts:
    """What was built."""

    digest: str
    kind: str
    version: str
    commit: str
    size: int | None
    contents: tuple[str, ...]


@dataclass(frozen=True)
class StepFacts:
    """A step of a deploy or rollback."""

    name: str
    status: str
    detail: str
    seconds: float | None


@dataclass(frozen=True)
class ReplicaFacts:
    """A replica as it was observed."""

    name: str
    address: str
    healthy: bool
    restarts: int


@dataclass(frozen=True)
class CanaryFacts:
    """How both releases answered while the new one had `weight` percent of the requests; p95 in seconds."""

    weight: int
    seconds: float
    old_requests: int
    new_requests: int
    old_errors: int
    new_errors: int
    old_p95: float | None
    new_p95: float | None
    error_p: float
    slow_p: float
    verdict: str
    reason: str


@dataclass(frozen=True)
class MoveFacts:
    """A deploy or a rollback."""

    environment: str
    target: str
    from_digest: str | None
    to_digest: str | None
    address: str
    replicas_declared: int
    replicas: tuple[ReplicaFacts, ...]
    steps: tuple[StepFacts, ...]
    seconds_to_restore: float | None = None
    canary: tuple[CanaryFacts, ...] = ()


@dataclass(frozen=True)
class AnswerFacts:
    """One smoke check or threshold with expected and observed."""

    name: str
    passed: bool
    expected: str
    observed: str
    seconds: float | None


@dataclass(frozen=True)
class Report:
    """Everything that is known of a run. The shape is docs/report.md's."""

    version: int
    run: RunView
    tests: Tests | None
    findings: Findings | None
    release: ReleaseFacts | None
    deployment: MoveFacts | None
    smoke: tuple[AnswerFacts, ...]
    rollback: MoveFacts | None
    waivers: tuple[Waiver, ...]
    lineage: tuple[Node, ...]


def plain_data(value: Any) -> Any:
    """Return a document as plain data for JSON: times as ISO 8601, durations as seconds, sizes as bytes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        data = {each.name: plain_data(getattr(value, each.name)) for each in dataclasses.fields(value)}
        return data | ({"rate": value.rate} if isinstance(value, ChangeCoverage) else {})
    if isinstance(value, tuple | list):
        return [plain_data(item) for item in value]
    return value.isoformat() if isinstance(value, datetime | date) else value
