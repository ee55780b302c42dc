"""Is the new release worse than the old one? Answered from what the proxy counted of both at the same time.

Both questions are put to Fisher's exact test, which holds for few requests as for many: did more answers fail, and did
more answers take longer than any of the bounds that the proxy counts by (5, 10, 25, 50 … ms; a difference between two
bounds is not seen). The least likely bound tells, its chance multiplied by the number of bounds (Bonferroni).
"""

from __future__ import annotations

import math

from sluice.config.canary import CanaryConfig
from sluice.records.deploy import CanaryStep
from sluice.tools.caddy_metrics import Traffic

BETTER, WORSE, FEW = "no worse", "worse", "not enough requests"
PERCENTILE = 0.95
EARLY = 0.1  # before its time is up a step ends only on a difference that is so much less likely: looks add up


def exceeds(new_hits: int, new_all: int, old_hits: int, old_all: int) -> float:
    """Return the chance of so many hits in the new group or more, if hits fell on all alike (Fisher, one-sided)."""
    hits, everybody = new_hits + old_hits, new_all + old_all
    if not new_hits:
        return 1.0
    term = math.exp(_log_choose(new_all, new_hits) + _log_choose(old_all, old_hits) - _log_choose(everybody, hits))
    total, x = 0.0, new_hits
    while term > 0.0:
        total += term
        if x >= min(hits, new_all):
            break
        term *= (new_all - x) * (hits - x) / ((x + 1) * (old_all - hits + x + 1))
        x += 1
    return min(total, 1.0)


def judge(ordinal: int, weight: int, seconds: float, old: Traffic, new: Traffic, config: CanaryConfig) -> CanaryStep:
    """Return both releases' figures in a step whose time is up, with the verdict."""
    slow_p, bound, old_slow, new_slow = _slow(old, new)
    step = CanaryStep(
        ordinal=ordinal,
        weight=weight,
        seconds=seconds,
        old_requests=old.requests,
        new_requests=new.requests,
        old_errors=old.errors,
        new_errors=new.errors,
        old_p95=_known(old),
        new_p95=_known(new),
        slow_bound=bound,
        old_slow=old_slow,
        new_slow=new_slow,
        error_p=exceeds(new.errors, new.requests, old.errors, old.requests),
        slow_p=slow_p,
        verdict=FEW,
        reason=f"{new.requests} requests of the new release, {old.requests} of the old, needs {config.min_requests}",
    )
    for why in (_failing(step, config, config.significance), _slower(step, old, new, config)):
        if why:
            return step.model_copy(update={"verdict": WORSE, "reason": why})
    if min(old.requests, new.requests) < config.min_requests:
        return step
    told = f"{new.errors} of {new.requests} failed, {old.errors} of {old.requests} of the old; p95 {_told(new, old)}"
    return step.model_copy(update={"verdict": BETTER, "reason": told})


def clearly_failing(step: CanaryStep, config: CanaryConfig) -> str:
    """Return why a step need not be held to its end; empty when it has to be. Slow answers are judged at its end only.

    A release that was just started answers its first requests late.
    """
    return _failing(step, config, config.significance * EARLY)


def _failing(step: CanaryStep, config: CanaryConfig, significance: float) -> str:
    new, old = _share(step.new_errors, step.new_requests), _share(step.old_errors, step.old_requests)
    if step.error_p >= significance or new - old <= config.max_error_increase:
        return ""
    told = f"{new:.1%} of {step.new_requests} answers failed, {old:.1%} of {step.old_requests} of the old"
    return f"{told} (p = {step.error_p:.2g})"


def _slower(step: CanaryStep, old: Traffic, new: Traffic, config: CanaryConfig) -> str:
    if min(old.requests, new.requests) < config.min_requests or step.slow_p >= config.significance:
        return ""
    before, after = percentile(old), percentile(new)
    if after <= before * config.max_p95_ratio or after - before <= config.max_p95_increase:
        return ""
    slow = f"{_share(step.new_slow, step.new_requests):.1%} took longer than {step.slow_bound:g} s"
    return f"p95 {_told(new, old)}; {slow}, {_share(step.old_slow, step.old_requests):.1%} (p = {step.slow_p:.2g})"


def percentile(counted: Traffic) -> float:
    """Return the time that 95 % of the requests kept, between two bounds as if they lay evenly."""
    low, below, wanted = 0.0, 0, PERCENTILE * counted.requests
    for bound, count in sorted(counted.within.items()):
        if count >= wanted > below:
            return bound if math.isinf(bound) else low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return 0.0


def _slow(old: Traffic, new: Traffic) -> tuple[float, float, int, int]:
    """Return the bound that tells most, with its chance, and how many answers of either took longer."""
    found = []
    for bound in {*old.within, *new.within}:
        old_slow, new_slow = old.requests - old.within[bound], new.requests - new.within[bound]
        if 0 < old_slow + new_slow < old.requests + new.requests:  # else it tells nothing
            chance = exceeds(new_slow, new.requests, old_slow, old.requests)
            found.append((chance, -bound, old_slow, new_slow))
    chance, bound, old_slow, new_slow = min(found, default=(1.0, 0.0, old.requests, new.requests))
    return min(1.0, chance * max(1, len(found))), -bound, old_slow, new_slow


def _told(new: Traffic, old: Traffic) -> str:
    return f"{percentile(new):.3g} s, {percentile(old):.3g} s of the old"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _known(counted: Traffic) -> float | None:
    found = percentile(counted)
    return found if counted.requests and math.isfinite(found) else None


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
