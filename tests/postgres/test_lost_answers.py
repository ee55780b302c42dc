"""The connection breaks after COMMIT was done and before its answer came: every write is repeated, none is doubled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.errors import SluiceError
from sluice.states import RunState, StageName
from sluice.store.ingest import Ingest
from sluice.store.journal import Journal
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.parts import PROJECT, a_run, one, rows
from tests.postgres.test_ingest import accepted, contents, everything, rejected, stage_of
from tests.postgres.test_journal import BAD, GOOD, step

pytestmark = pytest.mark.postgres


@pytest.fixture
def losing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Every second COMMIT, from the first on, is done and its answer lost. Gives the count of lost answers."""
    monkeypatch.setattr("sluice.store.engine.WAITS", (0.0,))
    commit, number, lost = engine.dialect.do_commit, itertools.count(), [0]

    def do_commit(connection: Any) -> None:
        commit(connection)
        if next(number) % 2 == 0:
            lost[0] += 1
            connection.driver_connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(engine.dialect, "do_commit", do_commit)
    yield lost
    assert lost[0] > 0


def test_runs_and_stages_are_there_once(engine: Engine, losing: list[int]) -> None:
    store = RunStore(engine)
    run_id = a_run(engine)
    store.set_plan(run_id, {"a": 1}, {}, [StageName.TEST, StageName.BUILD])
    first = store.start_stage(run_id, StageName.TEST)
    assert store.start_stage(run_id, StageName.TEST) == first
    store.skip_stage(run_id, StageName.DEPLOY, "no route")
    store.finish_run(run_id, RunState.PASSED, "", 0)
    assert rows(engine, "SELECT state, exit_code FROM pipeline_runs") == [("passed", 0)]
    assert [stage for (stage,) in rows(engine, "SELECT stage FROM stage_runs ORDER BY ordinal")] == [
        "test",
        "build",
        "deploy",
    ]
    assert losing[0] >= 6


def test_a_lost_run_is_told_to_be_lost(engine: Engine, losing: list[int]) -> None:
    run_id = a_run(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE pipeline_runs SET lease_until = now() - interval '1 hour'")
        connection.connection.driver_connection.commit()  # type: ignore[union-attr]
    assert RunStore(engine).mark_lost(run_id, "WORKER_LOST: gone")
    assert one(engine, "SELECT count(*) FROM audit_events") == 1


def test_rows_of_every_stage_are_there_once(engine: Engine, losing: list[int], tmp_path: Path) -> None:
    files = ArtifactStore(tmp_path)
    ingest = Ingest(engine, files)
    run_id = a_run(engine)
    for record, report in everything(run_id, files):
        before = losing[0]
        stage = stage_of(engine, record)
        ingest.accept(stage, record, report)
        after = contents(engine)
        ingest.accept(stage, record, report)
        assert contents(engine) == after
        assert losing[0] > before
    assert one(engine, "SELECT count(*) FROM test_results") == 12
    assert one(engine, "SELECT max(samples) FROM baselines") == 1
    second = a_run(engine)
    record, report = everything(run_id, files)[0]
    ingest.reuse(stage_of(engine, record, second), record)
    bad = factories.build(run_id=second)
    ingest.reject(stage_of(engine, bad), bad, rejected(StageName.BUILD))
    assert rows(engine, "SELECT state FROM stage_runs WHERE run_id = :id ORDER BY ordinal", id=second) == [
        ("reused",),
        ("rejected",),
    ]
    assert accepted().accepted


def test_the_journal_is_written_once_and_the_lock_is_ours(engine: Engine, losing: list[int]) -> None:
    journal, run_id = Journal(engine), a_run(engine)
    for _ in range(2):
        with journal.lock(PROJECT, "staging", run_id, "deploy", 0) as lease:
            made = journal.begin_deployment(lease, run_id, PROJECT, "staging", GOOD, None)
            journal.step(lease, made, step("switch", "started"))
            journal.step(lease, made, step("switch", "done"))
            journal.mark_smoke(made, True)
            journal.finish_deployment(lease, made, "serving")
            undo = journal.begin_rollback(lease, run_id, PROJECT, "staging", BAD, GOOD, "by hand")
            journal.rollback_step(lease, undo, step("switch back", "started"))
            journal.rollback_step(lease, undo, step("switch back", "done"))
            journal.finish_rollback(lease, undo, "serving", "", True, 0.5)
            journal.fence(lease, PROJECT, "staging", BAD, "smoke failed")
        assert journal.lock_holder(PROJECT, "staging") is None
    assert one(engine, "SELECT count(*) FROM deployments") == 2
    assert one(engine, "SELECT count(*) FROM rollbacks") == 2
    assert one(engine, "SELECT count(*) FROM deployment_steps") == 4
    assert rows(engine, "SELECT action FROM audit_events") == [("fence",)]
    assert 20000 <= journal.environment_port(PROJECT, "staging") < 32000


def test_a_loss_of_the_lock_is_still_a_loss(engine: Engine, losing: list[int]) -> None:
    journal, first = Journal(engine), a_run(engine)
    lock = journal.lock(PROJECT, "staging", first, "deploy", 0)
    with pytest.raises(SluiceError, match="LEASE_LOST"), lock as old:  # noqa: PT012 - raised at the inner write
        made = journal.begin_deployment(old, first, PROJECT, "staging", GOOD, None)
        RunStore(engine).finish_run(first, RunState.LOST, "WORKER_LOST: gone", 20)
        with journal.lock(PROJECT, "staging", a_run(engine), "deploy", 0):
            journal.step(old, made, step("switch", "started"))
    assert one(engine, "SELECT count(*) FROM deployment_steps") == 0
