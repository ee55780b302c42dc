"""Two deploys at once on a real engine: one after the other, or one is superseded; benchmarks has 50 rounds."""

from __future__ import annotations

import pytest

from tests.docker_city import DockerCity
from tests.rivals import play

pytestmark = pytest.mark.docker


def test_two_deploys_at_once_never_overlap(city: DockerCity) -> None:
    seen = play(city, rounds=2)

    assert seen.overlaps == []
    assert seen.most_sets == 2, "what serves and one candidate, never two"
    assert sum(seen.outcomes.values()) == 4
    assert seen.outcomes["deployed"] >= 2
    assert set(seen.outcomes) <= {"deployed", "superseded"}
