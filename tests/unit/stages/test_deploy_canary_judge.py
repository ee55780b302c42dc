"""The comparison of two releases: what is worse is told, what is alike is not, and too few requests are no ground."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from sluice.config.canary import CanaryConfig
from sluice.stages.deploy_canary_judge import clearly_failing, exceeds, judge, percentile
from sluice.stages.deploy_watch import POLL_SECONDS
from sluice.tools.caddy_metrics import Traffic

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
USUAL = (60, 20, 10, 4, 3, 2, 0.6, 0.3, 0.1, 0, 0, 0)
CONFIG = CanaryConfig()


def counted(times: Sequence[float], errors: int = 0) -> Traffic:
    """What the proxy counts of answers that took so long each (upper bounds)."""
    found = Counter(times)
    within: Counter[float] = Counter()
    total = 0
    for bound in BOUNDS:
        total += found[bound]
        within[bound] = total
    return Traffic(len(times), errors, within)


def plus(one: Traffic, other: Traffic) -> Traffic:
    within = Counter({bound: one.within[bound] + other.within[bound] for bound in BOUNDS})
    return Traffic(one.requests + other.requests, one.errors + other.errors, within)


def test_the_exact_test_gives_the_chances_of_the_hypergeometric_distribution() -> None:
    every = math.comb(20, 6)
    exact = sum(math.comb(8, k) * math.comb(12, 6 - k) for k in range(5, 7)) / every
    assert exceeds(5, 8, 1, 12) == pytest.approx(exact)
    assert exceeds(0, 8, 6, 12) == 1.0
    assert exceeds(0, 0, 0, 12) == 1.0
    assert exceeds(8, 8, 12, 12) == pytest.approx(1.0)
    assert exceeds(3, 3, 0, 17) == pytest.approx(1 / math.comb(20, 3))
    assert 0 < exceeds(300, 1000, 0, 19000) < 1e-300 or exceeds(300, 1000, 0, 19000) == 0.0


@pytest.mark.parametrize(
    ("old", "new", "verdict", "told"),
    [
        (counted([0.01] * 2000), counted([0.01] * 100), "no worse", "0 of 100 failed, 0 of 2000 of the old; p95 "),
        (counted([0.01] * 2000), counted([0.01] * 99), "not enough requests", "99 requests of the new release, "),
        (counted([0.01] * 99), counted([0.01] * 2000), "not enough requests", "2000 requests of the new release, 99"),
        (counted([0.01] * 2000), counted([0.01] * 20, errors=4), "worse", "20.0% of 20 answers failed, 0.0% of 2000"),
        (counted([0.01] * 2000, errors=400), counted([0.01] * 100, errors=20), "no worse", "20 of 100 failed"),
        (counted([0.01] * 2000, errors=400), counted([0.01] * 100), "no worse", "0 of 100 failed, 400 of 2000"),
        # Certain, and too small to matter: 0.5 % more
        (counted([0.01] * 90000), counted([0.01] * 90000, errors=450), "no worse", "450 of 90000 failed"),
        # One failed answer of 100 is no proof
        (counted([0.01] * 2000), counted([0.01] * 100, errors=2), "no worse", "2 of 100 failed"),
        (counted([0.01] * 2000), counted([0.01] * 90 + [1.0] * 10), "worse", "10.0% took longer than"),
        (counted([0.01] * 2000), counted([0.5] * 2000), "worse", "100.0% took longer than 0.25 s, 0.0%"),
        (counted([0.5] * 2000), counted([0.01] * 200), "no worse", "p95 "),
        # Certain, and too small to matter: 5 ms more
        (counted([0.005] * 2000), counted([0.01] * 2000), "no worse", "p95 0.00975 s, 0.00475 s of the old"),
        (counted([]), counted([]), "not enough requests", "0 requests"),
    ],
)
def test_a_verdict_needs_a_difference_that_is_certain_and_matters(
    old: Traffic, new: Traffic, verdict: str, told: str
) -> None:
    step = judge(1, 5, 60.0, old, new, CONFIG)

    assert (step.verdict, step.reason[: len(told)] == told or told in step.reason) == (verdict, True), step
    assert (step.old_requests, step.new_requests) == (old.requests, new.requests)


def test_a_step_ends_early_only_on_failures_that_are_much_more_certain() -> None:
    sure = judge(1, 5, 3.0, counted([0.01] * 200), counted([0.01] * 10, errors=5), CONFIG)
    half_sure = judge(1, 5, 3.0, counted([0.01] * 100), counted([0.01] * 10, errors=3), CONFIG)
    slow = judge(1, 5, 3.0, counted([0.01] * 2000), counted([1.0] * 200), CONFIG)

    assert "50.0% of 10 answers failed" in clearly_failing(sure, CONFIG)
    assert (half_sure.verdict, clearly_failing(half_sure, CONFIG)) == ("worse", "")
    assert (slow.verdict, clearly_failing(slow, CONFIG)) == ("worse", "")


def test_a_percentile_lies_between_the_bounds_of_the_counts() -> None:
    assert percentile(counted([0.01] * 100)) == pytest.approx(0.005 + 0.005 * 0.95)
    assert percentile(counted([0.005] * 95 + [1.0] * 5)) == pytest.approx(0.005)
    assert percentile(counted([0.005] * 90 + [1.0] * 10)) == pytest.approx(0.75)
    assert percentile(counted([])) == 0.0
    assert judge(1, 5, 1.0, counted([math.inf]), counted([]), CONFIG).old_p95 is None


def false_stops(deploys: int, seed: int, rate: int = 60, seconds: int = 6) -> int:
    """Deploy a release that is exactly as its predecessor so often; return how many were stopped."""
    chance = random.Random(seed)
    stopped = 0
    for _ in range(deploys):
        for ordinal, weight in enumerate(CONFIG.weights, start=1):
            step, why = one_step(chance, ordinal, weight, rate, seconds)
            if step == "worse" or why:
                stopped += 1
                break
    return stopped


def one_step(chance: random.Random, ordinal: int, weight: int, rate: int, seconds: int) -> tuple[str, str]:
    old, new, verdict = counted([]), counted([]), ""
    for look in range(1, round(seconds / POLL_SECONDS) + 1):
        arrived = round(rate * POLL_SECONDS)
        share = sum(chance.random() * 100 < weight for _ in range(arrived))
        sides = []
        for requests in (arrived - share, share):
            times = chance.choices(BOUNDS, USUAL, k=requests)
            sides.append(counted(times, sum(chance.random() < 0.02 for _ in range(requests))))
        old, new = plus(old, sides[0]), plus(new, sides[1])
        step = judge(ordinal, weight, look * POLL_SECONDS, old, new, CONFIG)
        verdict = step.verdict
        why = clearly_failing(step, CONFIG)
        if why:
            return verdict, why
    return verdict, ""


def test_of_a_hundred_releases_that_are_alike_one_at_most_is_stopped() -> None:
    assert false_stops(100, seed=1) <= 1
