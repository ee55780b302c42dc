"""The watch after a release took over: it is judged by its replicas and by what the proxy counts of its answers."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from sluice.config.watch import WatchConfig
from sluice.errors import SmokeFailedError
from sluice.stages.deploy_drift import unwell
from sluice.stages.deploy_site import Site
from sluice.targets.base import ReplicaSet
from sluice.tools.caddy_metrics import Traffic

POLL_SECONDS = 1.0
LOOKS = 10  # that one judgement of the traffic reaches back
UNWELL_LOOKS = 2  # one after the other: a single slow answer is no death


@dataclass
class Vigil:
    """Looks at the replicas of a release, again and again: two bad looks one after the other are no accident."""

    site: Site
    replicas: ReplicaSet
    bad: int = 0

    def look(self) -> str:
        """Return how they are broken, in words; empty when they are not."""
        problems = unwell(self.site, self.replicas)
        self.bad = self.bad + 1 if problems else 0
        broken = self.bad >= UNWELL_LOOKS or any("started again" in problem for problem in problems)
        return "; ".join(problems) if broken else ""


class WatchFailedError(SmokeFailedError):
    """The release broke while it served; the old one serves again."""

    code = "WATCH_FAILED"


def watch(site: Site, new: ReplicaSet, config: WatchConfig) -> str:
    """Look at the release once a second until the time is up; return what was seen, in words.

    Raises:
        WatchFailedError: a replica died or was started again, too many answers failed, or they came too late.
    """
    first = site.traffic()
    seen: deque[Traffic] = deque([first], maxlen=LOOKS + 1)
    ends, vigil = time.monotonic() + config.duration, Vigil(site, new)
    while time.monotonic() < ends:
        time.sleep(min(POLL_SECONDS, config.duration))
        problem = vigil.look()
        seen.append(site.traffic())
        problem = problem or judge(seen[-1].since(seen[0]), config)
        if problem:
            raise _broken(site, config, problem)
    total = seen[-1].since(first)
    return f"{config.duration:g} s: {total.requests} requests, {total.errors} failed, replicas well"


def judge(recent: Traffic, config: WatchConfig) -> str:
    """Return what is wrong with the traffic, in words; empty when nothing is, or when there is too little of it."""
    if recent.requests < config.min_requests:
        return ""
    if recent.error_rate > config.max_error_rate:
        share = f"{recent.error_rate:.1%} of {recent.requests} requests failed"
        return f"{share}, allowed {config.max_error_rate:.1%}"
    p95 = recent.percentile(0.95)
    if p95 > config.max_p95:
        return f"95 % of {recent.requests} requests took up to {p95:g} s, allowed {config.max_p95:g} s"
    return ""


def _broken(site: Site, config: WatchConfig, problem: str) -> WatchFailedError:
    return WatchFailedError(
        f"the release broke while it was watched: {problem}",
        where=f"environments.{site.environment}.watch",
        allowed=f"well for {config.duration:g} s",
    )
