"""Rollback: put an environment back to a release that was good there, prove that it answers, fence the bad one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sluice.records.build import Release
from sluice.records.deploy import Replica, RollbackRecord, RollbackRequest
from sluice.records.smoke import SmokeCheck
from sluice.stages.deploy_moves import bring_up, confirm, take_over
from sluice.stages.deploy_origin import moved_tags
from sluice.stages.deploy_preflight import configuration
from sluice.stages.deploy_settle import close_open, give_up, hold
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_steps import Steps
from sluice.stages.deploy_turn import Turn, turn
from sluice.stages.deploy_world import DeployWorld, open_world
from sluice.stages.rollback_data import UNTOLD, Data, ready_data, undo_again
from sluice.stages.rollback_target import Choice, choose
from sluice.stages.workplace import Workplace, now

__all__ = ["DeployWorld", "hold", "open_world", "rollback"]

Validate = Callable[[str, Kept], tuple[SmokeCheck, ...]]


@dataclass(frozen=True)
class Outcome:
    """What a rollback did, for its record."""

    release: Release | None = None
    replicas: tuple[Replica, ...] = ()
    validation: tuple[SmokeCheck, ...] = ()
    fenced: bool = False
    seconds: float = 0.0
    reason: str = ""
    data: Data = UNTOLD


def rollback(
    request: RollbackRequest, place: Workplace, world: DeployWorld, validate: Validate | None = None
) -> RollbackRecord:
    """Go back from the bad release and return the proof that the environment is well again.

    A bad candidate, which never served, is withdrawn: what served all along is validated. A bad release that serves is
    replaced by the target without a failed request. With no release to go to, a candidate is withdrawn all the same,
    a release that serves is left alone, and the record says so (`release` None, `passed` False).

    Args:
        validate: smoke checks at an address, against how the target was deployed; those of `world` by default.

    Raises:
        DeployRefusedError: `to_digest` names no release that was deployed here, or a fenced one.
        DeployFailedError: the target does not become healthy; what served still does.
    """
    started, why = now(), request.reason or "asked for"
    project, run_id = place.context.project, place.context.run_id
    with turn(world, project, request.environment, run_id, place.log, request.declaration, "rollback") as mine:
        choice = choose(mine, request)
        goal = choice.target.release if choice.target else None
        rollback_id = mine.begin_rollback(choice.bad, goal, why, request.declaration.target)
        steps = mine.rollback_steps(rollback_id)
        outcome = _execute(mine, request, choice, rollback_id, steps, validate or world.prove, why)
        record = _record(mine, request, choice, outcome, rollback_id, steps, started)
        state = "serving" if outcome.replicas else "failed"
        seconds = outcome.seconds if record.passed else None
        mine.end_rollback(rollback_id, state, record.reason, validated=record.passed, seconds=seconds)
    if not record.passed or record.release is None:
        return record
    moved = moved_tags(request, record.release, place.home.secrets, place.log)
    return record.model_copy(update={"moved_tags": moved})


def _execute(
    mine: Turn,
    request: RollbackRequest,
    choice: Choice,
    rollback_id: str,
    steps: Steps,
    validate: Validate,
    why: str,
) -> Outcome:
    clock = time.monotonic()
    try:
        outcome = _go_back(mine, request, choice, rollback_id, steps)
        if outcome.replicas and choice.target is not None:
            outcome = _prove(mine, choice, choice.target, steps, validate, clock, replace(outcome, reason=why))
        with steps.step("withdraw") as note:
            note.detail = f"{close_open(mine, but=rollback_id)} sets of replicas removed"
    except BaseException as error:
        if not mine.took_over(rollback_id):
            mine.end_rollback_quietly(rollback_id, str(error) or type(error).__name__)
        give_up(mine, error)
        raise
    return outcome


def _go_back(mine: Turn, request: RollbackRequest, choice: Choice, rollback_id: str, steps: Steps) -> Outcome:
    """Let the target serve, when there is one that can; what it needs of the data comes first."""
    target = choice.target
    if target is None:
        return Outcome(reason=_nothing_to_go_to(choice))
    if choice.absence:
        return Outcome(release=target.release, reason=choice.absence)
    serves = choice.already_serves and choice.serving is not None
    data = ready_data(mine, steps, request, target, serves=serves)
    if data.readable is False and not serves:
        told = f"{target.release.digest[:19]} cannot read the data as it is: {data.problem}"
        return Outcome(target.release, reason=told, data=data)
    if serves and choice.serving is not None:
        with steps.step("confirm") as note:
            seen = confirm(mine.site, choice.serving)
            note.detail = f"{target.release.digest[:19]} served all along, {len(seen)} healthy replicas"
        return Outcome(target.release, seen, data=data)
    secrets = configuration(target.declaration, mine.site.environment)
    try:
        seen = take_over(mine.site, steps, bring_up(mine, steps, target, rollback_id, secrets))
    except BaseException:
        undo_again(mine, data)
        raise
    mine.site.keep(target)
    return Outcome(target.release, seen, data=data)


def _prove(
    mine: Turn, choice: Choice, target: Kept, steps: Steps, validate: Validate, clock: float, outcome: Outcome
) -> Outcome:
    with steps.step("validate") as note:
        checks = validate(mine.site.address, target)
        failed = [check for check in checks if not check.passed]
        note.detail = f"{len(checks) - len(failed)} of {len(checks)} checks passed"
    outcome = replace(outcome, validation=checks, seconds=time.monotonic() - clock)
    if failed:
        problem = f"{failed[0].name}: expected {failed[0].expected}, observed {failed[0].observed}"
        outcome = replace(outcome, reason=f"the release that was gone back to is bad too: {problem}")
    if choice.bad is None or choice.bad.digest == target.release.digest:
        return outcome  # the same release with another configuration: fencing it would fence what serves
    with steps.step("fence") as note:
        mine.fence(choice.bad, outcome.reason)
        note.detail = choice.bad.digest[:19]
    return replace(outcome, fenced=True)


def _nothing_to_go_to(choice: Choice) -> str:
    if choice.bad is None:
        return "nothing was ever deployed here, so there is nothing to go back to"
    if choice.serving is None:
        return f"{choice.bad.digest[:19]} was withdrawn before it served, and no release was good here before"
    return (
        f"{choice.bad.digest[:19]} serves on: no other release was good here, fenced ones aside (`sluice fence list`)"
    )


def _record(
    mine: Turn,
    request: RollbackRequest,
    choice: Choice,
    outcome: Outcome,
    rollback_id: str,
    steps: Steps,
    started: datetime,
) -> RollbackRecord:
    serving = mine.site.serving()
    seen = outcome.replicas or (mine.site.target.observe(serving) if serving is not None else ())
    well = bool(outcome.replicas and outcome.validation) and all(check.passed for check in outcome.validation)
    well = well and outcome.data.readable is not False
    return RollbackRecord(
        run_id=mine.run_id,
        started_at=started,
        ended_at=now(),
        passed=well,
        reason=outcome.reason,
        rollback_id=rollback_id,
        environment=mine.site.environment,
        target=request.declaration.target,
        from_digest=choice.bad.digest if choice.bad else None,
        release=outcome.release,
        target_smoke_passed=choice.smoke_passed,
        target_present=not choice.absence,
        fenced=outcome.fenced,
        running_digests=mine.site.running_digests(seen, mine.site.route, serving.service.health) if serving else (),
        replicas_declared=choice.target.declaration.replicas if choice.target else request.declaration.replicas,
        replicas=seen,
        address=mine.site.address,
        validation=outcome.validation,
        steps=tuple(steps.finished),
        seconds_to_restore=outcome.seconds,
        data_readable=outcome.data.readable,
        data_problem=outcome.data.problem,
        backup_problem=outcome.data.backup,
    )
