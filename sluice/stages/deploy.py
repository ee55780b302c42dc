"""Deploy: start a release aside, prove it healthy, and let it take over once its smoke test was accepted."""

from __future__ import annotations

from datetime import datetime

from sluice.errors import DeployFailedError
from sluice.records.deploy import DeployRecord, DeployRequest, Replica, Step
from sluice.stages.deploy_moves import bring_up, take_over
from sluice.stages.deploy_preflight import configuration, refuse_by_rule, refuse_fenced, required_service
from sluice.stages.deploy_settle import close_open, give_up, heal, hold, settle
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_steps import DONE
from sluice.stages.deploy_turn import Turn, turn
from sluice.stages.deploy_world import DeployWorld, open_world
from sluice.stages.workplace import Workplace, now
from sluice.targets.base import ReplicaSet
from sluice.targets.replica import configuration_of

__all__ = ["DeployWorld", "deploy", "finish", "hold", "open_world", "settle"]


def deploy(request: DeployRequest, place: Workplace, world: DeployWorld) -> DeployRecord:
    """Bring the release up aside, on its candidate address; the users keep what they have.

    The caller smokes `record.smoke_address` and then calls :func:`finish` or rolls back, all within :func:`hold`.

    Raises:
        DeployRefusedError: a rule of the environment, a missing secret, a placeholder, or its lock.
        DeployFailedError: the release never became healthy; its replicas are gone, the old ones serve.
        InfrastructureError: process manager, proxy or journal are down.
    """
    started = now()
    service = required_service(request.service)
    refuse_by_rule(request)
    secrets = configuration(request.declaration, request.environment)
    project, run_id = place.context.project, place.context.run_id
    kept = Kept(release=request.release, service=service, declaration=request.declaration, smoke=request.smoke)
    with turn(world, project, request.environment, run_id, place.log, request.declaration) as mine:
        refuse_fenced(world.journal, project, request.environment, request.release)
        close_open(mine)
        heal(mine)
        serving = mine.site.serving()
        if serving is not None and _is(serving, kept, secrets):
            seen = mine.site.target.observe(serving)
            if all(replica.healthy and not replica.restarts for replica in seen):
                return _still_serving(mine, kept, serving, seen, started)
        return _candidate(mine, kept, secrets, started)


def finish(record: DeployRecord, place: Workplace, world: DeployWorld) -> DeployRecord:
    """Let the candidate of `record` take over, once its smoke test was accepted; return what serves now.

    Raises:
        DeployFailedError: the candidate is gone, is not the release, or does not answer; the old replicas serve.
    """
    if record.candidate_address is None:
        return record
    with turn(world, place.context.project, record.environment, place.context.run_id, place.log) as mine:
        new = mine.site.set_of(record.deployment_id)
        if new is None:
            raise DeployFailedError(
                "the candidate is gone before it could take over",
                code="CANDIDATE_GONE",
                where=record.environment,
                found=record.deployment_id,
                next_step="Another run settled this environment in between; run again.",
            )
        steps = mine.steps(record.deployment_id, first=len(record.steps) + 1)
        try:
            seen = take_over(mine.site, steps, new)
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


def _is(serving: ReplicaSet, kept: Kept, secrets: dict[str, str]) -> bool:
    wanted = configuration_of(kept.service, kept.declaration, secrets)
    return (serving.release.digest, serving.configuration) == (kept.release.digest, wanted)


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
    deployment_id = mine.begin(kept.release, previous)
    steps = mine.steps(deployment_id)
    try:
        new = bring_up(mine.world, site, steps, kept, deployment_id, secrets)
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
        target=mine.site.target.name,
        release=kept.release,
        previous=None,
        changed=True,
        running_digests=running,
        replicas_declared=kept.declaration.replicas,
        replicas=seen,
        address=mine.site.address,
        steps=(),
    )
