"""Bring an environment to exactly one serving release, whatever was killed in the middle of a deploy or a rollback.

The rule: a release gets users' requests only after its smoke test was accepted (or by an ordered rollback). So what
the proxy routes to is what stays; everything else that was started goes. Where nothing serves any more, the last good
release is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sluice.config.smoke import SmokeConfig
from sluice.errors import InfrastructureError, SluiceError
from sluice.records.build import Release
from sluice.stages.deploy_drift import differences
from sluice.stages.deploy_migrate import settle_migrations
from sluice.stages.deploy_moves import bring_up, take_over
from sluice.stages.deploy_preflight import configuration
from sluice.stages.deploy_site import Kept, Site
from sluice.stages.deploy_turn import Turn, turn
from sluice.stages.deploy_world import DeployWorld
from sluice.store.leases import LeaseLostError
from sluice.targets.base import ReplicaSet

Log = Callable[[str], None]
POLL_SECONDS = 0.1


def settle(world: DeployWorld, project: str, environment: str, *, run_id: str, log: Log) -> Release | None:
    """Bring the environment to exactly one serving release and return it; None when it never had a good one.

    Idempotent. Waits for a run that is at work there.

    Raises:
        ProxyError: the proxy is down; nothing was changed.
        DeployFailedError: the last good release does not start any more.
    """
    with turn(world, project, environment, run_id, log) as mine:
        close_open(mine)
        return heal(mine)


def repair(world: DeployWorld, project: str, environment: str, *, run_id: str, log: Log) -> Release | None:
    """Settle, and start what was deployed last again when what serves is not that, or not as it was deployed (D04)."""
    with turn(world, project, environment, run_id, log) as mine:
        close_open(mine)
        release, serving = heal(mine), mine.site.serving()
        recorded = world.journal.current_release(project, environment)
        wanted = recorded or release
        if wanted is None or serving is None:
            return release
        problems = differences(mine.site, serving, wanted)
        if not problems:
            return release
        for problem in problems:
            log(f"settle: {problem}")
        return _start_again(mine, wanted.digest)


@contextmanager
def hold(
    world: DeployWorld, project: str, environment: str, run_id: str, log: Log, purpose: str = "rollback"
) -> Iterator[None]:
    """Hold an environment across deploy, smoke test and rollback; whatever way the block ends, settle it.

    `purpose` is what those read who wait for it, e.g. `deploy sha256:1f2e…`: newer deploys go before it.
    A candidate that was neither finished nor rolled back is withdrawn at the end.
    """
    with turn(world, project, environment, run_id, log, None, purpose) as mine:
        try:
            yield
        except BaseException as error:
            give_up(mine, error)
            raise
        if not mine.lease.lost:  # the lock says so itself when the block ends
            close_open(mine)


def close_open(mine: Turn, but: str = "") -> int:
    """Remove every set of replicas that does not serve, and close every deployment and rollback that was left open.

    A migration of the service's database whose release does not serve is taken back, where that was declared.

    Args:
        but: id of the caller's own rollback, which it closes itself.

    Returns:
        how many sets were removed.
    """
    site = mine.site
    journal = mine.world.journal
    deployments = journal.open_deployments(site.project, site.environment)
    rollbacks = [each for each in journal.open_rollbacks(site.project, site.environment) if each != but]
    serving = site.serving()
    if serving is not None and site.route.is_split():
        site.log("settle: all requests go to the release that serves")
        site.send_to(serving)
    aside = [replicas for replicas in site.sets() if serving is None or replicas.group != serving.group]
    for replicas in aside:
        site.log(f"settle: remove {replicas.group}, which does not serve")
        site.withdraw(replicas)
    site.close_stale_candidate()
    for move in (*deployments, *rollbacks):
        won = serving if serving is not None and serving.deployment_id == move else None
        site.log(f"settle: {move[:8]} {'took over' if won else 'was interrupted'}")
        if move in deployments:
            mine.end(move, "serving" if won else "interrupted")
        else:
            _end_rollback(mine, move, won)
    settle_migrations(mine)
    return len(aside)


def _end_rollback(mine: Turn, rollback_id: str, won: ReplicaSet | None) -> None:
    """Close a rollback that was killed; one that had switched is proven now, and the bad release fenced."""
    if won is None:
        mine.end_rollback(rollback_id, "interrupted", "killed before the old release took over")
        return
    kept = mine.site.kept(won.release.digest) or Kept(
        release=won.release, service=won.service, declaration=won.declaration, smoke=SmokeConfig()
    )
    well = all(check.passed for check in mine.world.prove(mine.site.address, kept))
    bad = mine.world.journal.bad_release(rollback_id)
    if bad is not None and bad[0].digest != won.release.digest:
        mine.fence(*bad)
    mine.end_rollback(rollback_id, "serving", "killed after the old release took over", validated=well)


def give_up(mine: Turn, why: BaseException) -> None:
    """Settle while error `why` is on its way; what cannot be settled now is said and left to the next settling."""
    if mine.lease.lost or isinstance(why, LeaseLostError):
        mine.site.log("settle: left to the run that took this environment over")
        return
    try:
        close_open(mine)
    except SluiceError as error:
        mine.site.log(f"settle: put off: {error}")


def heal(mine: Turn) -> Release | None:
    """Make sure that what should serve does, and return it."""
    site = mine.site
    serving = site.serving()
    if serving is not None and _comes_back(site, serving):
        site.caddy.ensure([site.route])
        return serving.release
    good = mine.world.journal.last_good_release(site.project, site.environment)
    digest = good.digest if good else (serving.release.digest if serving else None)
    if digest is None:
        site.route.close()
        return None
    return _start_again(mine, digest)


def _comes_back(site: Site, serving: ReplicaSet) -> bool:
    """Wait for one healthy replica, as after a reboot; the process manager is starting them."""
    deadline = time.monotonic() + serving.service.start_timeout
    while not any(replica.healthy for replica in site.target.observe(serving)):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _start_again(mine: Turn, digest: str) -> Release:
    site = mine.site
    kept = site.kept(digest)
    if kept is None:
        raise InfrastructureError(
            f"how {digest[:19]} was started in {site.environment} is not known any more",
            code="RELEASE_FORGOTTEN",
            where=str(site.folder),
            next_step="Run the pipeline again for a good commit.",
        )
    site.log(f"settle: start {digest[:19]} again")
    secrets = configuration(kept.declaration, site.environment)
    deployment_id = mine.begin(kept, kept.release)
    steps = mine.steps(deployment_id)
    try:
        take_over(site, steps, bring_up(mine, steps, kept, deployment_id, secrets))
    except BaseException as error:
        give_up(mine, error)
        raise
    mine.end(deployment_id, "serving")
    return kept.release
