"""What people see of a run: frozen, plain, in the order of the stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sluice.states import RunState, StageState


@dataclass(frozen=True)
class CheckView:
    """One check of a boundary; `waiver` says what the project's waiver of it did, "" without one."""

    code: str
    name: str
    severity: str
    status: str
    expected: str
    observed: str
    message: str
    next_step: str
    waiver: str = ""


@dataclass(frozen=True)
class FailureView:
    """A red test as a person wants to see it first."""

    id: str
    status: str
    message: str
    detail: str
    cell: str


@dataclass(frozen=True)
class ArtifactView:
    """A file that a stage produced."""

    name: str
    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True)
class StageView:
    """One stage. Checks and files of a reused stage are those of the stage that did the work."""

    id: str
    stage: str
    state: StageState
    headline: str
    reason: str
    seconds: float | None
    tool_seconds: float | None
    boundary_seconds: float | None
    rows_seconds: float | None
    reused_from_run: str | None
    started_at: datetime | None
    ended_at: datetime | None
    checks: tuple[CheckView, ...] = ()
    failures: tuple[FailureView, ...] = ()
    artifacts: tuple[ArtifactView, ...] = ()

    @property
    def own_seconds(self) -> float | None:
        """Seconds of the stage outside of any program: what Sluice and Prefect cost."""
        return None if self.seconds is None else max(0.0, self.seconds - (self.tool_seconds or 0.0))


@dataclass(frozen=True)
class RunLine:
    """A run in one line. `seconds`: since its start, until its end or now."""

    id: str
    number: int
    project: str
    kind: str
    ref: str
    ref_kind: str | None
    commit: str | None
    subject: str | None
    trigger: str
    requested_by: str
    state: RunState
    reason: str
    exit_code: int | None
    seconds: float | None
    prefect_flow_run_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    resumes: str | None = None


@dataclass(frozen=True)
class RunView(RunLine):
    """A run with its stages in order."""

    stages: tuple[StageView, ...] = field(default=())


@dataclass(frozen=True)
class EnvironmentView:
    """What the journal says serves in an environment, and which run holds it."""

    project: str
    environment: str
    target: str | None
    port: int | None
    release_digest: str | None
    version: str | None
    commit: str | None
    since: datetime | None
    locked_by_run: str | None
    locked_for: str | None


@dataclass(frozen=True)
class Point:
    """One value of a metric's history."""

    run_id: str
    value: float
    unit: str
    recorded_at: datetime


@dataclass(frozen=True)
class Edge:
    """One thing that follows from another."""

    from_kind: str
    from_id: str
    relation: str
    to_kind: str
    to_id: str


@dataclass(frozen=True)
class Thing:
    """What is known of one end of an edge."""

    kind: str
    id: str
    words: str
    at: datetime | None
    run_id: str | None
