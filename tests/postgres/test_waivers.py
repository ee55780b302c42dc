"""A waiver is a row with what it did, and what was accepted by it is not reused after its day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_checks.facts import CheckWaiver
from sluice.artifacts import ArtifactStore
from sluice.keys import key_of
from sluice.states import StageName
from sluice.store.ingest import Ingest
from sluice.store.pinned import pinned
from sluice.store.read import Reader
from sluice.store.runs import RunStore
from tests import factories
from tests.boundaries import check
from tests.postgres.parts import PROJECT, a_run, execute, rows

pytestmark = pytest.mark.postgres
TODAY = datetime.now(UTC).date()
INPUTS = {"source": "s1"}
LIE = {"read_back_digest": factories.OTHER_DIGEST}


def built(engine: Engine, folder: Path, expires: date, **fields: str) -> str:
    """Take a build with a waiver of B01 through its boundary into the tables; return the run's id."""
    run_id = a_run(engine)
    record = factories.build(run_id=run_id, inputs=INPUTS, **fields)
    waiver = CheckWaiver(code="B01", reason="The store is being moved", owner="ada", expires=expires)
    report = check(record, waivers=(waiver,), now=datetime.now(UTC))
    ingest = Ingest(engine, ArtifactStore(folder))
    stage = RunStore(engine).start_stage(run_id, record.STAGE)
    (ingest.accept if report.accepted else ingest.reject)(stage, record, report)
    return run_id


@pytest.mark.parametrize(
    ("fields", "days", "effect"), [(LIE, 0, "lowered"), (LIE, -1, "expired"), ({}, 0, "idle"), ({}, -1, "idle")]
)
def test_a_waiver_is_a_row_that_says_what_it_did(
    engine: Engine, tmp_path: Path, fields: dict[str, str], days: int, effect: str
) -> None:
    expires = TODAY + timedelta(days=days)
    run_id = built(engine, tmp_path, expires, **fields)
    query = "SELECT stage, code, name, effect, reason, owner, expires FROM v_waivers"
    told = ("build", "B01", "DIGEST_MISMATCH", effect, "The store is being moved", "ada", expires)
    assert rows(engine, query) == [told]
    (stage,) = Reader(engine).resolve_run(run_id).stages
    shown = {each.code: each.waiver for each in stage.checks if each.waiver}
    assert shown == {"B01": f"{effect}, until {expires}, by ada: The store is being moved"}


def test_what_a_waiver_let_through_is_reused_until_its_day(engine: Engine, tmp_path: Path) -> None:
    run_id = built(engine, tmp_path, TODAY, **LIE)
    store = RunStore(engine)
    found = store.find_accepted(PROJECT, StageName.BUILD, key_of(INPUTS))
    assert found is not None
    assert found.run_id == run_id
    execute(engine, "UPDATE check_waivers SET expires = expires - 1")
    assert store.find_accepted(PROJECT, StageName.BUILD, key_of(INPUTS)) is None


def test_what_a_waiver_let_through_is_resumed_until_its_day(engine: Engine, tmp_path: Path) -> None:
    first, second = built(engine, tmp_path, TODAY, **LIE), a_run(engine)
    stage = RunStore(engine).start_stage(second, StageName.BUILD)
    Ingest(engine, ArtifactStore(tmp_path)).reuse(stage, factories.build(run_id=first, inputs=INPUTS, **LIE))
    accepted = [getattr(pinned(engine, run_id), "accepted", None) for run_id in (first, second)]
    assert accepted == [{StageName.BUILD}, {StageName.BUILD}]
    execute(engine, "UPDATE check_waivers SET expires = expires - 1")
    accepted = [getattr(pinned(engine, run_id), "accepted", None) for run_id in (first, second)]
    assert accepted == [frozenset(), frozenset()]


def test_what_needed_no_waiver_is_reused_for_good(engine: Engine, tmp_path: Path) -> None:
    built(engine, tmp_path, TODAY - timedelta(days=9))
    assert RunStore(engine).find_accepted(PROJECT, StageName.BUILD, key_of(INPUTS)) is not None
