"""The watch after a release took over: it is judged by its replicas and by what the proxy counts of its answers."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from sluice.config.watch import WatchConfig
from sluice.errors import SmokeFailedError
from sluice.stages.deploy_drift import unwell
from sluice.stages.deploy_site import Site
from sluice.targets.base import ReplicaSet
from sluice.tools.caddy_metrics import Traffic

POLL_SECONDS = 0.25  # between two judgements of the traffic
LOOKS = 40  # that one judgement of the traffic reaches back
VIGIL_SECONDS = 1.0  # between two looks at the replicas
UNWELL_LOOKS = 2  # one after the other: a single slow answer is no death


class Vigil:
    """Looks at the replicas of a release, again and again: two bad looks one after the other are no accident.

    The looks are aside, in a thread: one at a replica that hangs takes seconds, in which the traffic tells.

    Attributes:
        in_doubt: whether there was no look yet, or the last one was bad.
    """

    def __init__(self, site: Site, replicas: ReplicaSet) -> None:
        self.site = site
        self.replicas = replicas
        self.in_doubt = True
        self._bad = 0
        self._pool = ThreadPoolExecutor(1)
        self._looking: Future[tuple[str, ...]] | None = None
        self._next = 0.0

    def __enter__(self) -> Vigil:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self) -> str:
        """Return how they are broken as far as is known, in words; empty when they are not."""
        if self._looking is None and time.monotonic() >= self._next:
            self._next = time.monotonic() + VIGIL_SECONDS
            self._looking = self._pool.submit(unwell, self.site, self.replicas)
        if self._looking is None or not self._looking.done():
            return ""
        problems, self._looking = self._looking.result(), None
        self.in_doubt = bool(problems)
        self._bad = self._bad + 1 if problems else 0
        broken = self._bad >= UNWELL_LOOKS or any("started again" in problem for problem in problems)
        return "; ".join(problems) if broken else ""


class WatchFailedError(SmokeFailedError):
    """The release broke while it served; the old one serves again."""

    code = "WATCH_FAILED"


def watch(site: Site, new: ReplicaSet, config: WatchConfig) -> str:
    """Look at the release four times a second until the time is up; return what was seen, in words.

    Raises:
        WatchFailedError: a replica died or was started again, too many answers failed, or they came too late.
    """
    first = site.traffic()
    seen: deque[Traffic] = deque([first], maxlen=LOOKS + 1)
    ends = time.monotonic() + config.duration
    with Vigil(site, new) as vigil:
        while time.monotonic() < ends or vigil.in_doubt:
            time.sleep(min(POLL_SECONDS, config.duration))
            seen.append(site.traffic())
            problems = (judge(seen[-1].since(seen[0]), config), vigil.look())
            if any(problems):
                raise _broken(site, config, "; ".join(filter(None, problems)))
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
