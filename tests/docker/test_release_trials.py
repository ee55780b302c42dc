"""Bad releases as images are rolled back or never switched; benchmarks/releases.py tries twenty, and as many good."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docker_city import DockerCity
from tests.k6_load import K6Load
from tests.release_trials import BAD, ROLLED_BACK, SERVED, WITHDRAWN, attempt, seen

pytestmark = pytest.mark.docker

EARLY = {"misses a variable": (WITHDRAWN, "REPLICA_FAILED"), "answers wrong": (WITHDRAWN, "SMOKE_FAILED")}
CHOSEN = (*EARLY, "fails after a while", "leaks memory")  # a slow machine sees these two break before they switch


def test_bad_releases_are_stopped_and_good_ones_serve(city: DockerCity, tmp_path: Path) -> None:
    city.replicas = 1
    city.release(city.images.release("first"))
    with K6Load(city.url, tmp_path / "k6", rate=50) as load:
        trials = [attempt(city, city.images.release(name), "good") for name in ("good1", "good2")]
        for number, kind in enumerate(each for each in BAD if each.name in CHOSEN):
            server = kind.server(city.images.server(f"bad{number}"))
            trials.append(attempt(city, city.images.build(f"bad{number}", kind.name, server), kind.name))
            assert city.serving() == "good2"

    ended = {trial.kind: (trial.outcome, trial.code) for trial in trials}
    assert {"good": ended["good"], **{kind: ended[kind] for kind in EARLY}} == {"good": (SERVED, ""), **EARLY}
    assert [kind for kind, (outcome, _) in ended.items() if outcome == SERVED] == ["good"], city.lines
    for trial in trials:
        saw = seen(load, trial)
        allowed = 0.01 * saw.requests if trial.outcome == ROLLED_BACK else 0
        assert saw.failed <= allowed, (trial, saw)
