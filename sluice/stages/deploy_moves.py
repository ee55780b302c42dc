"""The moves that deploy, rollback and settling are made of: bring replicas up aside, and let them take over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from sluice.command import mask
from sluice.config.watch import WatchConfig
from sluice.errors import DeployFailedError, SluiceError
from sluice.records.deploy import Replica
from sluice.stages.deploy_database import launch_of
from sluice.stages.deploy_site import Kept, Site
from sluice.stages.deploy_steps import Steps
from sluice.stages.deploy_turn import Turn
from sluice.stages.deploy_watch import WatchFailedError, watch
from sluice.store.leases import LeaseLostError
from sluice.targets.base import Launch, PortTakenError, ReplicaFailedError, ReplicaSet
from sluice.targets.replica import answers

START_ATTEMPTS = 3  # only after another program took a port that was free when it was chosen
POLL_SECONDS = 0.05


def bring_up(
    mine: Turn,
    steps: Steps,
    kept: Kept,
    deployment_id: str,
    secrets: Mapping[str, str],
    when_ready: Callable[[Launch], None] = lambda _launch: None,
) -> ReplicaSet:
    """Make the release ready, start its replicas aside and wait until each is healthy.

    Args:
        when_ready: is called once, when the release is there and nothing of it was started yet.

    Raises:
        DeployFailedError: with the cause and the replica's last lines, secrets masked.
    """
    with steps.step("prepare") as note:
        launch = launch_of(mine, kept, deployment_id)
        note.detail = launch.path or kept.release.reference
    when_ready(launch)
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            return _start(mine.site, steps, launch.model_copy(update={"attempt": attempt}), secrets)
        except PortTakenError as error:
            if attempt == START_ATTEMPTS:
                raise
            mine.site.log(f"start again with other ports: {error.message}")
    raise AssertionError("the last attempt returns or raises")


def _start(site: Site, steps: Steps, launch: Launch, secrets: Mapping[str, str]) -> ReplicaSet:
    with steps.step("start") as note:
        replicas = site.target.start(launch, secrets)
        note.detail = f"{len(replicas.ports)} replicas on ports {', '.join(map(str, replicas.ports))}"
    try:
        with steps.step("health") as note:
            seen = _healthy(site, replicas, secrets)
            note.detail = f"{len(seen)} of {len(replicas.ports)} answer 200 on {launch.service.health}"
    except PortTakenError:
        site.withdraw(replicas)
        raise
    return replicas


def _healthy(site: Site, replicas: ReplicaSet, secrets: Mapping[str, str]) -> tuple[Replica, ...]:
    try:
        return site.target.wait_healthy(replicas)
    except ReplicaFailedError as error:
        values = [value for value in secrets.values() if len(value) > 3]  # shorter ones would blot out the log
        error.next_step = mask(error.next_step, values)
        error.found = mask(str(error.found), values) if error.found is not None else None
        raise


def take_over(
    site: Site,
    steps: Steps,
    new: ReplicaSet,
    watched: WatchConfig | None = None,
    canary: Callable[[ReplicaSet], None] | None = None,
) -> tuple[Replica, ...]:
    """Send the users' requests to `new`, look that they get there, let the old replicas finish, remove them.

    `canary` is called with the old replicas first, and may send a share of the requests to `new`. With `watched` the
    old replicas stand by for that time, and answer what `new` fails. When anything fails, they serve everybody again,
    and `new` finishes the requests that it has.

    Raises:
        CanaryFailedError, CanaryUndecidedError: what `canary` says.
        WatchFailedError: `new` broke while it was watched.
        DeployFailedError: `new` is not what answers.
    """
    old, switched = site.serving(), False
    try:
        if canary is not None and old is not None:
            switched = True
            canary(old)
        with steps.step("switch") as note:
            switched = True
            site.send_to(new, standby=old if watched is not None else None)
            note.detail = f"{site.address} goes to {', '.join(new.addresses)}"
        with steps.step("confirm") as note:
            seen = confirm(site, new)
            note.detail = f"{len(seen)} replicas of {new.release.digest[:19]} answer at {site.address}"
        if watched is not None:
            with steps.step("watch") as note:
                note.detail = _watched(site, new, old, watched)
    except BaseException as error:
        if old is not None and switched and not isinstance(error, LeaseLostError):
            _send_back(site, old, new, error)
        raise
    if old is not None and old.group != new.group:
        leave(site, steps, old)
    return seen


def _send_back(site: Site, old: ReplicaSet, new: ReplicaSet, error: BaseException) -> None:
    """Let `old` serve everybody again, and `new` finish what it has."""
    site.send_to(old)
    if isinstance(error, SluiceError):  # who is told to stop has no time for it
        _drain(site, new)


def _watched(site: Site, new: ReplicaSet, old: ReplicaSet | None, config: WatchConfig) -> str:
    """Watch `new`; what stood by for it serves again before anything is written, or is done with."""
    try:
        told = watch(site, new, config)
    except WatchFailedError:
        if old is not None:
            site.send_to(old)
        raise
    site.send_to(new)
    return told


def confirm(site: Site, new: ReplicaSet) -> tuple[Replica, ...]:
    """Return the replicas that serve, when they and nothing else do.

    Raises:
        DeployFailedError: `RUNNING_DIGEST`, `NOT_SERVING`.
    """
    seen = site.target.observe(new)
    healthy = sum(replica.healthy for replica in seen)
    if not healthy:  # nothing of it answers: each request through the proxy would only wait for it
        raise _not_serving(site, new, seen, f"{healthy} healthy replicas")
    digests = site.running_digests(seen, site.route, new.service.health)
    if digests != (new.release.digest,):
        raise DeployFailedError(
            "what runs is not the release that was asked for",
            code="RUNNING_DIGEST",
            where=site.address,
            found=" and ".join(digests) or "nothing",
            allowed=new.release.digest,
        )
    problem = answers(site.port, new.service.health)
    if problem or healthy < len(seen):
        raise _not_serving(site, new, seen, problem or f"{healthy} healthy replicas")
    return seen


def _not_serving(site: Site, new: ReplicaSet, seen: Sequence[Replica], found: str) -> DeployFailedError:
    return DeployFailedError(
        "the environment does not answer after the switch",
        code="NOT_SERVING",
        where=f"GET {site.address}{new.service.health}",
        found=found,
        allowed=f"status 200 and {len(seen)} healthy replicas",
    )


def leave(site: Site, steps: Steps, old: ReplicaSet) -> None:
    """Let replicas that get no new requests finish the ones they have, then remove them."""
    with steps.step("drain") as note:
        left = _drain(site, old)
        note.detail = f"{left} requests cut after {old.service.drain_timeout:g} s" if left else "no request was cut"
    with steps.step("remove") as note:
        site.withdraw(old)
        note.detail = old.group


def _drain(site: Site, old: ReplicaSet) -> int:
    deadline = time.monotonic() + old.service.drain_timeout
    while (left := site.target.open_requests(old)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left
