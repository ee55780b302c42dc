"""Which runs can be taken up again, and what to do about the others."""

from __future__ import annotations

from sluice.errors import UsageError
from sluice.states import RunState, StageName
from sluice.store.pinned import Pinned


def refuse(run: Pinned, from_stage: StageName | None) -> None:
    """Refuse what cannot be resumed.

    Raises:
        UsageError: `RUN_ALIVE`, `RESUME_ROLLBACK`, `NOTHING_PINNED`, `NOTHING_TO_RESUME`, `STAGE_UNKNOWN`.
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
