"""Which runs can be taken up again, and what to do about the others."""

from __future__ import annotations

from sluice.errors import UsageError
from sluice.states import RunState, StageName
from sluice.store.pinned import Pinned


def refuse(run: Pinned, from_stage: StageName | None, *, failed_tests: bool = False) -> None:
    """Refuse what cannot be resumed.

    Raises:
        UsageError: `RUN_ALIVE`, `RESUME_ROLLBACK`, `NOTHING_PINNED`, `NOTHING_TO_RESUME`, `STAGE_UNKNOWN`,
            `NO_FAILED_TESTS`.
    """
    short = run.run_id[:8]
    if not run.state.terminal:
        raise _alive(run)
    if run.kind != "pipeline":
        raise UsageError(
            f"run {short} is a rollback, which is not taken up half-way",
            code="RESUME_ROLLBACK",
            next_step=f"`sluice rollback {run.requested_ref}` starts it anew.",
        )
    if run.commit is None:
        raise UsageError(
            f"run {short} ended before it knew its commit: nothing of it can be taken up",
            code="NOTHING_PINNED",
            next_step="`sluice run` starts anew.",
        )
    if run.state is RunState.PASSED and from_stage is None:
        raise UsageError(
            f"run {short} is green: there is nothing to resume",
            code="NOTHING_TO_RESUME",
            next_step=f"`sluice resume {short} --from STAGE` runs a stage and all after it again.",
        )
    _refuse_stage(run, from_stage)
    if failed_tests:
        _refuse_tests(run, from_stage)


def _alive(run: Pinned) -> UsageError:
    short = run.run_id[:8]
    if run.dead:
        next_step = f"Its owner is dead, and it is being settled; `sluice resume {short}` again in a minute."
    else:
        next_step = f"`sluice logs -f {short}` follows it, `sluice cancel {short}` stops it; then resume it."
    lease = f", its lease until {run.lease_until:%H:%M:%S %Z}" if run.lease_until else ""
    return UsageError(
        f"run {short} has not ended: it is {run.state}",
        code="RUN_ALIVE",
        where=f"owner {run.owner or 'nobody yet'}{lease}",
        next_step=next_step,
    )


def _refuse_stage(run: Pinned, stage: StageName | None) -> None:
    planned = (run.plan or {}).get("stages")
    if stage is not None and planned is not None and stage not in planned:
        raise UsageError(
            f"the plan of run {run.run_id[:8]} has no stage {stage}",
            code="STAGE_UNKNOWN",
            where="--from",
            allowed=", ".join(planned),
        )


def _refuse_tests(run: Pinned, from_stage: StageName | None) -> None:
    if from_stage is not None:
        raise UsageError("--from and --failed-tests exclude each other", next_step="Leave one of them out.")
    if StageName.TEST in run.accepted or StageName.TEST not in run.records:
        raise UsageError(
            f"run {run.run_id[:8]} has no red tests that its boundary believed",
            code="NO_FAILED_TESTS",
            where="--failed-tests",
            next_step=f"`sluice resume {run.run_id[:8]}` runs the stage whole if it has to run.",
        )
