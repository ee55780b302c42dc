"""The states of runs, stages and checks; terminal is final."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """State of a pipeline run (`pipeline_runs.state`)."""

    QUEUED = "queued"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"  # the user's code: red tests, build, findings, deploy or smoke without a way back
    REJECTED = "rejected"  # a contract stopped it
    ROLLED_BACK = "rolled_back"
    CANCELLED = "cancelled"
    ERRORED = "errored"  # the world's fault or a bug in Sluice
    LOST = "lost"  # its process died without a word; settled by the reconciler

    @property
    def terminal(self) -> bool:
        """Tell whether the state is final."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


class StageState(StrEnum):
    """State of a stage run (`stage_runs.state`)."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    REUSED = "reused"  # an earlier accepted result with the same key stands
    FAILED = "failed"  # true and bad: red tests, a build that fails, findings over the gate
    REJECTED = "rejected"  # its contract stopped it
    SKIPPED = "skipped"  # by declaration, with a reason
    CANCELLED = "cancelled"
    ERRORED = "errored"
    LOST = "lost"


class CheckStatus(StrEnum):
    """Status of one contract check (`quality_checks.status`)."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ENOUGH_HISTORY = "not_enough_history"
    NOT_APPLICABLE = "not_applicable"  # with the reason
    COULD_NOT_RUN = "could_not_run"  # counts as a rejection


class WaiverEffect(StrEnum):
    """What a waiver did to its check (`check_waivers.effect`)."""

    LOWERED = "lowered"  # the check failed and only warns
    EXPIRED = "expired"  # the check failed and stops
    IDLE = "idle"  # there was nothing to lower


class Severity(StrEnum):
    """What a failed check does."""

    STOP = "stop"
    WARN = "warn"


class StageName(StrEnum):
    """The seven stages in the order of a run."""

    CHECKOUT = "checkout"
    TEST = "test"
    BUILD = "build"
    SCAN = "scan"
    DEPLOY = "deploy"
    SMOKE = "smoke"
    ROLLBACK = "rollback"
