"""Deploy: start a release aside, prove it healthy, and let it take over once its smoke test was accepted."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sluice import masks
from sluice.errors import DeployFailedError, DeployRefusedError
from sluice.records.common import ArtifactRef
from sluice.records.deploy import Condition, DeployRecord, DeployRequest, Replica, Step
from sluice.stages.deploy_canary import canary_of
from sluice.stages.deploy_conditions import preflight, started_as_asked
from sluice.stages.deploy_database import secret_of
from sluice.stages.deploy_leaks import Place, files_of, no_leak
from sluice.stages.deploy_migrate import migrate
from sluice.stages.deploy_moves import bring_up, take_over
from sluice.stages.deploy_preflight import hidden_names, refuse_by_rule, required_service, secrets_of
from sluice.stages.deploy_settle import close_open, give_up, heal, hold, repair, settle
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_steps import DONE
from sluice.stages.deploy_turn import Turn, turn
from sluice.stages.deploy_world import DeployWorld, open_world
from sluice.stages.workplace import Workplace, now
from sluice.targets.base import ReplicaSet
from sluice.targets.replica import configuration_of

__all__ = ["DeployWorld", "deploy", "finish", "hold", "open_world", "repair", "settle"]


def deploy(request: DeployRequest, place: Workplace, world: DeployWorld) -> DeployRecord:
    """Bring the release up aside, on its candidate address; the users keep what they have.

    What must not be started by accident (D03 to D08) is not: the record says so, and its boundary stops the run.

    The caller smokes `record.smoke_address` and then calls :func:`finish` or rolls back, all within :func:`hold`.

    Raises:
        DeployRefusedError: a rule of the environment, a missing secret, or its lock.
        DeployFailedError: the release never became healthy; its replicas are gone, the old ones serve.
        InfrastructureError: process manager, proxy or journal are down.
    """
    started = now()
    service = required_service(request.service, request.declaration.target)
    _refuse_by_rule(request, place, world)
    secrets = secrets_of(request.declaration, request.environment)
    for name in masks.too_short(secrets):
        place.log(f"the value of {name} is too short to be hidden in logs (fewer than {masks.SHORTEST} characters)")
    project, run_id = place.context.project, place.context.run_id
    kept = Kept(release=request.release, service=service, declaration=request.declaration, smoke=request.smoke)
    secret_of(kept)  # refused before anything is begun
    purpose = f"deploy {request.release.digest[:19]}"
    with turn(world, project, request.environment, run_id, place.log, request.declaration, purpose) as mine:
        close_open(mine)
        heal(mine)
        serving = mine.site.serving()
        conditions = preflight(mine, request, serving, secrets)
        broken = [each for each in conditions if each.state == "broken" and each.code not in request.waived]
        if broken:
            return _refused(mine, kept, serving, conditions, started)
        record = _deployed(mine, kept, serving, secrets, started)
        return _with_conditions(record, conditions, mine, kept, secrets, request.evidence, place)


def _refuse_by_rule(request: DeployRequest, place: Workplace, world: DeployWorld) -> None:
    run_id = place.context.run_id
    try:
        refuse_by_rule(request)
    except DeployRefusedError as error:
        who, project = f"run {run_id}", place.context.project
        world.journal.refused(run_id, project, request.environment, who, error.code, error.message)
        raise


def _deployed(
    mine: Turn, kept: Kept, serving: ReplicaSet | None, secrets: dict[str, str], started: datetime
) -> DeployRecord:
    wanted = (kept.release.digest, configuration_of(kept.service, kept.declaration, secrets))
    if serving is not None and (serving.release.digest, serving.configuration) == wanted:
        seen = mine.site.target.observe(serving)
        if all(replica.healthy and not replica.restarts for replica in seen):
            return _still_serving(mine, kept, serving, seen, started)
    return _candidate(mine, kept, secrets, started)


def _with_conditions(
    record: DeployRecord,
    before: tuple[Condition, ...],
    mine: Turn,
    kept: Kept,
    secrets: dict[str, str],
    evidence: tuple[ArtifactRef, ...],
    place: Workplace,
) -> DeployRecord:
    """Add what can be seen only once the replicas run: they are as asked for, and nobody can read a secret."""
    conditions = before
    replicas = mine.site.set_of(record.deployment_id)
    readable: list[Place] = [("the record", record.model_dump_json().encode())]
    readable += files_of(evidence, place.artifacts)
    readable += [(f"the run's log {file.name}", file) for file in place.home.run_logs(mine.run_id).glob("*.log")]
    if replicas is not None:
        conditions += (started_as_asked(mine, replicas),)
        readable += mine.site.target.readable(replicas)
    hidden = {name: secrets[name] for name in hidden_names(kept.declaration) if name in secrets} | secret_of(kept)
    return record.model_copy(update={"conditions": (*conditions, no_leak(hidden, readable))})


def _refused(
    mine: Turn, kept: Kept, serving: ReplicaSet | None, conditions: tuple[Condition, ...], started: datetime
) -> DeployRecord:
    """Return the record of a deploy that began nothing; what served serves on."""
    reason = "; ".join(f"{each.code} {each.observed}" for each in conditions if each.state == "broken")
    mine.site.log(f"refused before anything was started: {reason}")
    seen = mine.site.target.observe(serving) if serving is not None else ()
    health = serving.service.health if serving is not None else kept.service.health
    return DeployRecord(
        run_id=mine.run_id,
        started_at=started,
        ended_at=now(),
        passed=False,
        reason=f"refused before anything was started: {reason}",
        deployment_id="",
        environment=mine.site.environment,
        target=kept.declaration.target,
        release=kept.release,
        previous=serving.release if serving is not None else None,
        changed=False,
        running_digests=mine.site.running_digests(seen, mine.site.route, health),
        replicas_declared=kept.declaration.replicas,
        replicas=seen,
        address=mine.site.address,
        steps=(),
        conditions=(*conditions, Condition.no_subject("D09", "nothing was started")),
    )


def finish(record: DeployRecord, place: Workplace, world: DeployWorld) -> DeployRecord:
    """Let the candidate of `record` take over, once its smoke test was accepted; return what serves now.

    Raises:
        CanaryFailedError: it is worse than the old release; the old replicas serve.
        CanaryUndecidedError: nobody can tell whether it is; the old replicas serve.
        WatchFailedError: it broke while it was watched; the old replicas serve.
        DeployFailedError: the candidate is gone, is not the release, or does not answer; the old replicas serve.
    """
    if record.candidate_address is None:
        return record
    with turn(
        world, place.context.project, record.environment, place.context.run_id, place.log, None, "deploy"
    ) as mine:
        new = mine.site.set_of(record.deployment_id)
        if new is None:
            raise _gone(record)
        steps = mine.steps(record.deployment_id, first=len(record.steps) + 1)
        try:
            seen = take_over(mine.site, steps, new, new.declaration.watch, canary_of(mine, steps, new))
            running = mine.site.running_digests(seen, mine.site.route, new.service.health)
        except BaseException as error:
            if not mine.took_over(record.deployment_id):
                mine.end_quietly(record.deployment_id, "failed", str(error) or type(error).__name__)
            give_up(mine, error)
            raise
        mine.end(record.deployment_id, "serving")
    return record.model_copy(
        update={
            "ended_at": now(),
            "candidate_address": None,
            "replicas": seen,
            "running_digests": running,
            "steps": (*record.steps, *steps.finished),
        }
    )


def _gone(record: DeployRecord) -> DeployFailedError:
    return DeployFailedError(
        "the candidate is gone before it could take over",
        code="CANDIDATE_GONE",
        where=record.environment,
        found=record.deployment_id,
        next_step="Another run settled this environment in between; run again.",
    )


def _still_serving(
    mine: Turn, kept: Kept, serving: ReplicaSet, seen: tuple[Replica, ...], started: datetime
) -> DeployRecord:
    mine.site.log(f"{kept.release.digest[:19]} already serves {mine.site.address}; verified")
    detail = f"{len(seen)} replicas of it already serve"
    step = Step(ordinal=1, name="verify", status=DONE, started_at=started, ended_at=now(), detail=detail)
    running = mine.site.running_digests(seen, mine.site.route, serving.service.health)
    return _record(mine, kept, serving, seen, running, started).model_copy(update={"changed": False, "steps": (step,)})


def _candidate(mine: Turn, kept: Kept, secrets: dict[str, str], started: datetime) -> DeployRecord:
    site = mine.site
    serving = site.serving()
    previous = serving.release if serving is not None else None
    deployment_id = mine.begin(kept, previous)
    steps = mine.steps(deployment_id)
    try:
        migrating = partial(migrate, mine, steps, kept, secrets)
        new = bring_up(mine, steps, kept, deployment_id, secrets, migrating)
        with steps.step("candidate") as note:
            route = site.show(new)
            site.keep(kept)
            note.detail = route.address
        with steps.step("verify") as note:
            seen = site.target.observe(new)
            running = site.running_digests(seen, route, new.service.health)
            note.detail = f"{sum(replica.healthy for replica in seen)} of {len(seen)} healthy"
    except BaseException as error:
        mine.end_quietly(deployment_id, "failed", str(error) or type(error).__name__)
        give_up(mine, error)
        raise
    return _record(mine, kept, new, seen, running, started).model_copy(
        update={
            "previous": previous,
            "candidate_address": route.address,
            "steps": tuple(steps.finished),
        }
    )


def _record(
    mine: Turn,
    kept: Kept,
    replicas: ReplicaSet,
    seen: tuple[Replica, ...],
    running: tuple[str, ...],
    started: datetime,
) -> DeployRecord:
    return DeployRecord(
        run_id=mine.run_id,
        started_at=started,
        ended_at=now(),
        passed=True,
        deployment_id=replicas.deployment_id,
        environment=mine.site.environment,
        target=kept.declaration.target,
        release=kept.release,
        previous=None,
        changed=True,
        running_digests=running,
        replicas_declared=kept.declaration.replicas,
        replicas=seen,
        address=mine.site.address,
        steps=(),
    )
