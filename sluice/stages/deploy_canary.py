"""A release takes over in steps: a share of the users' requests each, compared with the old release meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from sluice.config.canary import CanaryConfig
from sluice.errors import DeployFailedError, SmokeFailedError
from sluice.records.deploy import CanaryStep
from sluice.stages.deploy_canary_judge import BETTER, FEW, WORSE, clearly_failing, judge
from sluice.stages.deploy_steps import Steps
from sluice.stages.deploy_turn import Turn
from sluice.stages.deploy_watch import POLL_SECONDS, Vigil
from sluice.store.leases import LeaseLostError
from sluice.targets.base import ReplicaSet


class CanaryFailedError(SmokeFailedError):
    """The new release answers significantly worse than the old one, which serves everybody again."""

    code = "CANARY_WORSE"


class CanaryUndecidedError(DeployFailedError):
    """Too few requests to compare the releases; the old one serves everybody again."""

    code = "CANARY_UNDECIDED"
    next_step = "Lower `canary.min_requests`, wait longer (`canary.patience`), or deploy when there are users."


def canary_of(mine: Turn, steps: Steps, new: ReplicaSet) -> Callable[[ReplicaSet], None] | None:
    """Return what is done with the old replicas before a switch to `new`; None where its strategy is another."""
    if new.declaration.strategy != "canary":
        return None
    return partial(_canary, mine, steps, new, new.declaration.canary or CanaryConfig())


def _canary(mine: Turn, steps: Steps, new: ReplicaSet, config: CanaryConfig, old: ReplicaSet) -> None:
    """Go through the steps; each verdict is a row.

    Raises:
        CanaryFailedError: `new` fails more often, answers later, or died.
        CanaryUndecidedError: a step had too few requests for as long as its patience lasted.
    """
    for ordinal, weight in enumerate(config.weights, start=1):
        with steps.step(f"canary-{weight}") as note:
            mine.site.split(old, new, weight)
            seen = _hold(mine, new, ordinal, weight, config)
            if seen.verdict != BETTER:
                mine.site.send_to(old)  # before anything is written: each moment costs requests
            mine.world.journal.canary_step(mine.lease, new.deployment_id, seen)
            note.detail = f"{seen.seconds:.0f} s: {seen.verdict}: {seen.reason}"
            _stop_unless_well(mine, config, seen)


def _hold(mine: Turn, new: ReplicaSet, ordinal: int, weight: int, config: CanaryConfig) -> CanaryStep:
    """Let both releases answer until there is a verdict, or no more patience."""
    before, started = mine.site.sides(), time.monotonic()
    with Vigil(mine.site, new) as vigil:
        while True:
            time.sleep(min(POLL_SECONDS, config.hold))
            if mine.lease.lost:
                raise LeaseLostError("the environment was taken over by another run")
            sides, seconds = mine.site.sides(), time.monotonic() - started
            counted = [now.since(then) for now, then in zip(sides, before, strict=True)]
            step = judge(ordinal, weight, seconds, counted[0], counted[1], config)
            reasons = (clearly_failing(step, config), vigil.look())
            if any(reasons):
                return step.model_copy(update={"verdict": WORSE, "reason": "; ".join(filter(None, reasons))})
            if seconds >= config.hold and not vigil.in_doubt and (step.verdict != FEW or seconds >= config.patience):
                return step


def _stop_unless_well(mine: Turn, config: CanaryConfig, seen: CanaryStep) -> None:
    if seen.verdict == BETTER:
        return
    where = f"environments.{mine.site.environment}.canary"
    share = f"at {seen.weight} % of the requests"
    if seen.verdict == FEW:
        raise CanaryUndecidedError(
            f"too few requests to compare the releases {share}: {seen.reason}",
            where=where,
            found=f"{seen.seconds:.0f} s",
        )
    allowed = f"{config.max_error_increase:.1%} more failures, p95 {config.max_p95_increase:g} s later"
    raise CanaryFailedError(
        f"the new release is worse than the old one {share}: {seen.reason}", where=where, allowed=allowed
    )
