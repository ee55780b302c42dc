"""Where releases serve: environments with replicas and users, and how quickly they answer in honest months."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from sluice.config.canary import CanaryConfig
from sluice.records.build import Release
from sluice.records.deploy import CanaryStep
from sluice.stages.deploy_canary_judge import judge
from sluice.tools.caddy_metrics import Traffic

SPREAD = 0.5  # of the logarithm of usual latencies
OF_P95 = math.exp(1.645 * SPREAD)  # how many times the median their 95th percentile is
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)  # that the proxy counts by
THINK = 0.02  # seconds of a user of the load between two requests


@dataclass(frozen=True)
class Site:
    """An environment of a project.

    Attributes:
        p95: seconds of its 95th percentile with the first release, on a quiet machine and without a cold start.
        places: how many times as long each replica's place takes as the quickest; they are given out in turn.
        growth: by which share a usual commit makes the service slower.
        failing: share of the answers that fail on any day.
        users: requests a second of users, who are there while a canary is held; 0: it is put there at once.
        promote_from: environment whose smoke test comes first; then tags are put here, not the default branch.
    """

    name: str = "staging"
    p95: float = 0.02
    replicas: int = 2
    places: tuple[float, ...] = (1.0,)
    growth: float = 0.003
    failing: float = 0.0
    users: float = 0.0
    promote_from: str = ""

    @property
    def max_p95(self) -> float:
        """Threshold of its load, in seconds, as somebody chooses one who knows how slow the service is."""
        return max(1.0, 8 * self.p95)


@dataclass
class Environment:
    """What stands in an environment of a project, and how much slower its releases have become since the first."""

    site: Site
    random: Random
    replicas: int = 0
    cost: float = 1.0
    serving: Release | None = None
    good: list[Release] = field(default_factory=list)  # passed their smoke test here, the newest last
    deployed: dict[str, int] = field(default_factory=dict)  # digest → replicas that it was deployed with

    def __post_init__(self) -> None:
        self.replicas = self.site.replicas

    def change(self) -> None:
        """Let a commit be made: most cost a little, some bring a feature, some make it quicker; some scale."""
        draw = self.random
        self.cost *= math.exp(draw.gauss(self.site.growth, 0.01))
        kind = draw.random()
        if kind < 0.04:
            self.cost *= draw.uniform(1.05, 1.35)
        elif kind < 0.07:
            self.cost *= draw.uniform(0.75, 0.97)
        if draw.random() < 0.03:
            self.replicas = max(1, min(8, self.replicas + draw.choice((-1, 1))))

    def serves(self, release: Release) -> None:
        """Let a release take over."""
        self.serving = release
        self.deployed.setdefault(release.digest, self.replicas)
        self.good = [each for each in self.good if each.digest != release.digest] + [release]

    def before(self) -> Release | None:
        """Return the newest good release beside the one that serves."""
        others = [each for each in self.good if self.serving is None or each.digest != self.serving.digest]
        return others[-1] if others else None

    def latencies(self, slow: float, users: int = 5, seconds: float = 3.0) -> list[float]:
        """Return how long each answer of a load took: the first ones are cold, some meet a pause of the runtime."""
        typical, found, left = self.site.p95 / OF_P95 * self.cost * slow, [], users * seconds
        while left > 0:
            found.append(self._answer(typical, cold=len(found) < 2 * self.replicas))
            left -= found[-1] + THINK
        return sorted(found)

    def _answer(self, typical: float, *, cold: bool) -> float:
        draw, places = self.random, self.site.places
        place = places[draw.randrange(self.replicas) % len(places)]
        pause = draw.uniform(0.005, 0.06) if draw.random() < 0.01 else 0.0
        warming = draw.uniform(1.5, 6.0) if cold else 1.0
        return typical * place * warming * draw.lognormvariate(0.0, SPREAD) + pause

    def canary(self, slow: float) -> list[CanaryStep]:
        """Return the steps of a canary of a release that is what the old one is; the real judge looks at each.

        A step is held until both have requests enough; the load of the smoke test has warmed the new one up.
        """
        config, steps = CanaryConfig(), []
        for ordinal, weight in enumerate(config.weights, start=1):
            seconds = max(config.hold, 1.1 * config.min_requests * 100 / weight / self.site.users)
            new = int(seconds * self.site.users * weight / 100)
            old = int(seconds * self.site.users) - new
            steps.append(judge(ordinal, weight, seconds, self._traffic(old, slow), self._traffic(new, slow), config))
        return steps

    def _traffic(self, requests: int, slow: float) -> Traffic:
        typical = self.site.p95 / OF_P95 * self.cost * slow
        took = [self._answer(typical, cold=False) for _ in range(requests)]
        within = Counter({bound: sum(each <= bound for each in took) for bound in BOUNDS})
        return Traffic(requests, sum(self.random.random() < self.site.failing for _ in took), within)
