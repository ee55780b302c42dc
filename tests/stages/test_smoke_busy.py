"""A slow release on a busy machine: its own doing stops the run, what strangers do is only told."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from sluice.config.smoke import LoadConfig
from sluice.records.smoke import Copies, SmokeRecord
from tests import factories
from tests.boundaries import check
from tests.burners import slow_service, strangers
from tests.stages.test_smoke import RELEASE, request, run

USUAL = {"smoke__staging__p95": 0.02, "smoke__staging__error_rate": 0.0}


def loaded(tmp_path: Path, *, burns: bool, busy: bool = False) -> SmokeRecord:
    with ExitStack() as stack:
        address, pid = stack.enter_context(slow_service(tmp_path, burns=burns))
        if busy:
            stack.enter_context(strangers())
        asked = request(address, load=LoadConfig(users=2, duration=3, max_p95=30.0))
        return run(tmp_path, asked.model_copy(update={"copies": Copies(pids=(pid,))}))


@pytest.mark.parametrize("burns", [True, False], ids=["the release burns", "strangers burn"])
def test_a_busy_machine_excuses_only_what_others_did(tmp_path: Path, burns: bool) -> None:
    record = loaded(tmp_path, burns=burns, busy=not burns)
    report = check(record, release_digest=RELEASE.digest, history=factories.history(**USUAL))

    found = [(each.code, each.name) for each in (report.stops if burns else report.warnings)]
    assert found == [("K04", "LATENCY_REGRESSION")], [each.message for each in report.results]
    assert report.accepted is not burns
    assert record.load is not None
    assert record.load.slowdown > 1.3
