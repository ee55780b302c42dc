"""A switch and a rollback of containers under 100 requests a second of k6; benchmarks/switches.py does ten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docker_city import DockerCity
from tests.switches import switched

pytestmark = pytest.mark.docker


def test_a_switch_and_a_rollback_fail_no_request(city: DockerCity, tmp_path: Path) -> None:
    moves, load = switched(city, tmp_path / "k6", rounds=2)

    assert [move.kind for move in moves] == ["switch", "rollback"]
    assert [(answer.status, answer.ended) for answer in load.answers if answer.failed] == []
    assert all(move.requests > 20 for move in moves), "the load went on all the time"
    assert city.serving() == "one"
