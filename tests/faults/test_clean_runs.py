"""Honest work is never stopped, and the same history sees a large lie: sixty runs of benchmarks.clean_runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from benchmarks.clean.characters import CHARACTERS
from benchmarks.clean.history import History
from benchmarks.clean.power import LIES, STOPPED, told
from data_checks import contracts
from sluice.states import CheckStatus
from sluice.store.engine import engine_for
from tests.postgres_server import TEMPLATE, migrated_postgres

pytestmark = pytest.mark.faults

SEED = 3
RUNS = {"tiny": 12, "two-environments": 12, "refactoring": 12, "platforms": 12, "plugins": 12}
BY_NAME = {each.name: each for each in CHARACTERS}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The tables in a Postgres of their own."""
    with migrated_postgres() as server, server.database(TEMPLATE) as url:
        engine = engine_for(url)
        yield engine
        engine.dispose()


@pytest.mark.parametrize("name", RUNS)
def test_honest_runs_are_accepted_and_lies_are_not(engine: Engine, name: str, tmp_path: Path) -> None:
    history = History(BY_NAME[name], SEED, engine, tmp_path)
    for _ in range(RUNS[name]):
        history.run()
    assert [(each.code, each.where, each.done, each.message) for each in history.tally.stops] == []
    assert history.tally.runs >= RUNS[name]
    assert history.tally.statuses[CheckStatus.COULD_NOT_RUN.value] == 0
    assert history.tally.statuses[CheckStatus.PASSED.value] > 20 * RUNS[name], "the checks really looked"
    became = told(history)
    blind = {"release grown"} if name == "tiny" else set()  # B05 lets a small release grow by 100 KiB
    growing = [lie.name for lie in LIES if lie.name in became and lie.name not in blind]
    assert {lie: became[lie][-1] for lie in growing} == dict.fromkeys(growing, STOPPED)
    assert {"tests hidden", "tests skipped", "coverage lost", "packages unseen", "release shrunk"} <= set(growing)


def test_a_service_passes_all_seven_boundaries(engine: Engine, tmp_path: Path) -> None:
    """Deploys, smoke tests and rollbacks are judged too, and what is reused for a tag."""
    history = History(BY_NAME["two-environments"], SEED + 1, engine, tmp_path)
    while len(history.tally.boundaries) < len(contracts()):
        assert history.tally.runs < 60, history.tally.boundaries
        history.run()
    assert [(each.code, each.where, each.message) for each in history.tally.stops] == []
    production = history.delivery.places[1]
    assert production.serving is not None, "a tag was put there"


def test_a_history_is_the_same_each_time(engine: Engine, tmp_path: Path) -> None:
    """A false stop can be looked at again by its seed."""
    ends = []
    for seed in ("1", "2"):
        history = History(BY_NAME["tiny"], SEED, engine, tmp_path)
        history.name = f"again-{seed}"
        for _ in range(2):
            history.run()
        ends.append([(file.path, file.lines, file.tests) for file in history.project.state.files.values()])
    assert ends[0] == ends[1]
