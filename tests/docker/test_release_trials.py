"""Bad releases as images are rolled back or never switched; benchmarks/releases.py tries twenty, and as many good."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.config.canary import CanaryConfig
from sluice.config.watch import WatchConfig
from tests.docker_city import DockerCity
from tests.k6_load import K6Load
from tests.release_trials import BAD, ROLLED_BACK, SERVED, SOON, WITHDRAWN, attempt, seen

pytestmark = pytest.mark.docker

# A step has so many requests that the bad ones have broken long before its end, whatever the pace. Patient with answers
# that come late: a busy machine gives such of every release.
QUICK = CanaryConfig(weights=(50,), hold=1.0, patience=120.0, min_requests=80, max_p95_increase=5.0)
WATCH = WatchConfig(duration=3.0, max_p95=8.0)
ENDS = {
    "misses a variable": (WITHDRAWN, {"REPLICA_FAILED"}),
    "answers wrong": (WITHDRAWN, {"SMOKE_FAILED"}),
    "fails after a while": (ROLLED_BACK, {"CANARY_WORSE"}),
    "leaks memory": (ROLLED_BACK, {"CANARY_WORSE", "WATCH_FAILED"}),  # it is up again before many requests have failed
}


def test_bad_releases_are_stopped_good_ones_serve_and_no_user_sees_a_failure(city: DockerCity, tmp_path: Path) -> None:
    city.replicas = 1
    city.release(city.images.release("first"))
    with K6Load(city.url, tmp_path / "k6", rate=50) as load:
        trials = [attempt(city, city.images.release("good"), "good", canary=QUICK, watched=WATCH)]
        for number, kind in enumerate(each for each in BAD if each.name in ENDS):
            server = kind.server(city.images.server(f"bad{number}"), late=SOON)
            bad = city.images.build(f"bad{number}", kind.name, server)
            trials.append(attempt(city, bad, kind.name, canary=QUICK, watched=WATCH))
            assert city.serving() == "good"

    assert (trials[0].outcome, trials[0].code) == (SERVED, ""), city.lines
    for trial in trials[1:]:
        outcome, codes = ENDS[trial.kind]
        assert (trial.outcome, trial.code in codes) == (outcome, True), (trial, city.lines)
    assert len(trials) == 1 + len(ENDS)
    assert all(seen(load, trial).requests > 0 for trial in trials), "the load went on all the time"
    assert [(answer.status, answer.ended) for answer in load.answers if answer.failed] == []
