"""Runs and stages: opened once, owned by one, ended once."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from sluice.errors import SluiceError
from sluice.states import RunState, StageName, StageState
from sluice.store.leases import Heartbeat, LeaseLostError
from sluice.store.runs import RunEndedError, RunStore, RunTakenError
from tests.postgres.parts import PROJECT, a_run, execute, one, rows

pytestmark = pytest.mark.postgres

KNOWN: dict[str, Any] = {
    "project": PROJECT,
    "repository": "/srv/code/greeter",
    "requested_ref": "main",
    "trigger": "cli",
    "requested_by": "ada",
}


@pytest.fixture
def store(engine: Engine) -> RunStore:
    return RunStore(engine)


def expire(engine: Engine) -> None:
    execute(engine, "UPDATE pipeline_runs SET lease_until = clock_timestamp() - interval '1 second'")


def test_opening_twice_is_opening_once(engine: Engine, store: RunStore) -> None:
    run_id = str(uuid4())
    assert store.open_run(run_id, **KNOWN) == run_id
    store.start_run(run_id, owner="host:1")
    store.open_run(run_id, **KNOWN | {"requested_ref": "other"})
    query = "SELECT state, requested_ref, requested_by, repository FROM pipeline_runs"
    assert rows(engine, query) == [("running", "main", "ada", "/srv/code/greeter")]


def test_a_plan_and_a_stage_are_written_with_few_statements(engine: Engine, store: RunStore) -> None:
    run_id, told = a_run(engine), list[str]()
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, words, *_more: told.append(words.split()[0]))
    store.set_plan(run_id, {"ref": "main"}, {}, list(StageName))
    stage = store.start_stage(run_id, StageName.TEST)
    assert told == ["UPDATE", "INSERT", "INSERT"]
    assert store.start_stage(run_id, StageName.TEST) == stage
    store.fail_stage(stage, StageState.FAILED, "red")
    assert store.start_stage(run_id, StageName.TEST) == stage  # final is final
    found = rows(engine, "SELECT stage, state, attempts, started_at IS NOT NULL FROM stage_runs ORDER BY ordinal")
    assert found == [
        (each.value, *(("failed", 2, True) if each is StageName.TEST else ("pending", 0, False))) for each in StageName
    ]


def test_one_owner_at_a_time(engine: Engine, store: RunStore) -> None:
    run_id = store.open_run(str(uuid4()), **KNOWN)
    flow = str(uuid4())
    assert store.start_run(run_id, owner="host:1", prefect_flow_run_id=flow) == 1
    assert store.start_run(run_id, owner="host:1") == 2
    with pytest.raises(RunTakenError, match="host:1"):
        store.start_run(run_id, owner="host:2")
    expire(engine)
    assert store.start_run(run_id, owner="host:2") == 3
    assert store.renew_lease(run_id, 3) is False
    with pytest.raises(LeaseLostError):
        store.renew_lease(run_id, 2)
    assert rows(engine, "SELECT owner, prefect_flow_run_id::text FROM pipeline_runs") == [("host:2", flow)]
    with pytest.raises(SluiceError, match="RUN_UNKNOWN"):
        store.start_run(str(uuid4()), owner="host:1")


def test_of_many_workers_one_gets_the_run(engine: Engine, store: RunStore) -> None:
    run_id = store.open_run(str(uuid4()), **KNOWN)
    got: list[int] = []

    def work(number: int) -> None:
        with contextlib.suppress(RunTakenError):
            got.append(store.start_run(run_id, owner=f"host:{number}"))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert got == [1]


@pytest.mark.parametrize("ending", [state for state in RunState if state.terminal])
def test_the_first_ending_is_the_ending(engine: Engine, store: RunStore, ending: RunState) -> None:
    run_id = a_run(engine)
    exit_code = 0 if ending is RunState.PASSED else 16
    assert store.finish_run(run_id, ending, "because", exit_code)
    before = rows(engine, "SELECT p::text FROM pipeline_runs p")
    assert not store.finish_run(run_id, RunState.FAILED, "other", 10)
    assert store.mark_lost(run_id, "WORKER_LOST: gone") is (ending is RunState.LOST)
    assert not store.request_cancel(run_id, "ada")
    store.set_commit(run_id, commit="a" * 40, ref_kind="branch", ref_name="main")
    with pytest.raises(RunEndedError):
        store.start_run(run_id, owner="host:1")
    with pytest.raises(LeaseLostError):
        store.renew_lease(run_id)
    assert rows(engine, "SELECT p::text FROM pipeline_runs p") == before
    query = "SELECT state, reason, exit_code, ended_at >= created_at FROM pipeline_runs"
    assert rows(engine, query) == [(ending, "because", exit_code, True)]


def test_the_stages_of_an_ended_run_have_ended(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    store.set_plan(run_id, {"why": "main"}, {"project": PROJECT}, [StageName.TEST, StageName.BUILD])
    store.fail_stage(store.start_stage(run_id, StageName.CHECKOUT), StageState.FAILED, "no")
    store.start_stage(run_id, StageName.TEST)
    store.finish_run(run_id, RunState.CANCELLED, "CANCELLED: by ada", 130)
    assert rows(engine, "SELECT stage, state, reason FROM stage_runs ORDER BY ordinal") == [
        ("checkout", "failed", "no"),
        ("test", "cancelled", "CANCELLED: by ada"),
        ("build", "skipped", "the run ended before this stage"),
    ]
    assert rows(engine, "SELECT plan, config FROM pipeline_runs") == [({"why": "main"}, {"project": PROJECT})]


def test_a_dead_owner_is_found_and_its_run_lost(engine: Engine, store: RunStore) -> None:
    alive, dead = a_run(engine), a_run(engine)
    store.start_stage(dead, StageName.TEST)
    assert store.expired_runs() == ()
    execute(engine, "UPDATE pipeline_runs SET lease_until = clock_timestamp() - interval '1 s' WHERE id = :id", id=dead)
    (found,) = store.expired_runs()
    assert (found.run_id, found.owner, found.state, found.project) == (dead, "host:1", RunState.RUNNING, PROJECT)
    assert {run.run_id for run in store.active_runs()} == {alive, dead}
    assert not store.mark_lost(alive, "WORKER_LOST: gone")
    assert store.mark_lost(dead, "WORKER_LOST: gone")
    assert rows(engine, "SELECT state, exit_code FROM pipeline_runs WHERE id = :id", id=dead) == [("lost", 20)]
    assert rows(engine, "SELECT state, reason FROM stage_runs") == [("lost", "WORKER_LOST: gone")]
    with pytest.raises(LeaseLostError):
        store.renew_lease(dead)
    assert rows(engine, "SELECT action, subject_id FROM audit_events") == [("mark_lost", dead)]


def test_an_owner_that_comes_back_in_time_keeps_its_run(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    expire(engine)
    assert [run.run_id for run in store.expired_runs()] == [run_id]
    store.renew_lease(run_id)
    assert not store.mark_lost(run_id, "WORKER_LOST: gone")
    assert one(engine, "SELECT state FROM pipeline_runs") == "running"


def test_a_run_without_a_lease_counts_as_dead_after_a_minute(engine: Engine, store: RunStore) -> None:
    a_run(engine)
    execute(engine, "UPDATE pipeline_runs SET lease_until = NULL")
    assert store.expired_runs() == ()
    execute(engine, "UPDATE pipeline_runs SET created_at = now() - interval '2 m', started_at = now() - interval '2 m'")
    assert len(store.expired_runs()) == 1


def test_who_asks_to_cancel_is_heard_at_the_next_beat(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    heard = threading.Event()

    def renew() -> None:
        if store.renew_lease(run_id):
            heard.set()

    beat = Heartbeat(renew, lambda: pytest.fail("lost"), seconds=0.05).start()
    assert not heard.wait(0.2)
    assert store.request_cancel(run_id, "ada")
    assert heard.wait(5)
    beat.close()
    assert rows(engine, "SELECT cancel_requested_by FROM pipeline_runs") == [("ada",)]
    assert rows(engine, "SELECT actor, action FROM audit_events") == [("ada", "cancel")]


def test_a_lost_lease_is_told_once(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    told: list[float] = []
    beat = Heartbeat(lambda: store.renew_lease(run_id), lambda: told.append(time.monotonic()), seconds=0.05).start()
    store.finish_run(run_id, RunState.LOST, "WORKER_LOST: gone", 20)
    time.sleep(0.5)
    beat.close()
    assert len(told) == 1


def test_a_clock_that_jumps_back_ends_no_run_before_it_began(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    store.start_stage(run_id, StageName.TEST)
    execute(engine, "UPDATE pipeline_runs SET created_at = now() + interval '1 h', started_at = now() + interval '1 h'")
    execute(engine, "UPDATE stage_runs SET started_at = now() + interval '1 hour'")
    assert store.finish_run(run_id, RunState.PASSED, "", 0)
    assert rows(
        engine, "SELECT ended_at = started_at FROM pipeline_runs UNION SELECT ended_at = started_at FROM stage_runs"
    ) == [(True,)]


def test_the_project_is_known_once_its_configuration_is_read(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    store.set_commit(run_id, commit="a" * 40, ref_kind="branch", ref_name="main", project="greeter-service")
    query = "SELECT project, ref, ref_kind, commit_sha FROM v_runs"
    assert rows(engine, query) == [("greeter-service", "main", "branch", "a" * 40)]


def test_a_stage_is_begun_once_however_often(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    store.set_plan(run_id, {}, {}, [StageName.TEST])
    ids = {store.start_stage(run_id, StageName.TEST) for _ in range(3)}
    assert len(ids) == 1
    assert rows(engine, "SELECT state, attempts, ordinal FROM stage_runs") == [("running", 3, 2)]
    assert store.fail_stage(ids.pop(), StageState.ERRORED, "TOOL_MISSING: uv")
    store.start_stage(run_id, StageName.TEST)
    assert rows(engine, "SELECT state, attempts FROM stage_runs") == [("errored", 3)]


def test_a_skipped_stage_says_why(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    stage = store.skip_stage(run_id, StageName.DEPLOY, "no route for this branch")
    assert not store.fail_stage(stage, StageState.FAILED, "no")
    assert rows(engine, "SELECT stage, state, reason, started_at FROM stage_runs") == [
        ("deploy", "skipped", "no route for this branch", None)
    ]


NONSENSE = [
    ("UPDATE pipeline_runs SET state = 'great'", "ck_pipeline_runs_state"),
    ("UPDATE pipeline_runs SET state = 'passed', exit_code = 1, ended_at = now() + '1 h'", "only_passed_exits_0"),
    ("UPDATE pipeline_runs SET state = 'failed', exit_code = 0, ended_at = now() + '1 h'", "only_passed_exits_0"),
    ("UPDATE pipeline_runs SET state = 'failed', exit_code = 10", "terminal_has_end"),
    ("UPDATE pipeline_runs SET started_at = created_at - interval '1 second'", "started_at_after_created_at"),
    ("UPDATE pipeline_runs SET commit_sha = 'HEAD'", "commit_sha"),
    ("UPDATE stage_runs SET tool_seconds = -1", "tool_seconds"),
    ("UPDATE stage_runs SET tool_seconds = 'Infinity'", "tool_seconds"),
    ("UPDATE stage_runs SET tool_seconds = 'NaN'", "tool_seconds"),
    ("UPDATE stage_runs SET stage = 'lunch'", "ck_stage_runs_stage"),
    ("UPDATE stage_runs SET state = 'passed', ended_at = now() + interval '1 h'", "passed_has_record"),
    ("UPDATE stage_runs SET reused_from = id", "not_from_itself|reused_has_source"),
    ("UPDATE stage_runs SET key = 'abc'", "ck_stage_runs_key"),
    ("INSERT INTO stage_runs (id, run_id, stage, ordinal) SELECT gen_random_uuid(), id, 'test', 2 FROM pipeline_runs",
     "uq_stage_runs_run_id_stage"),
    ("INSERT INTO artifacts (sha256, size, media_type) VALUES ('x', 1, '')", "ck_artifacts_sha256"),
    ("INSERT INTO artifacts (sha256, size, media_type) VALUES (repeat('a', 64), -1, '')", "ck_artifacts_size"),
    ("INSERT INTO environments (project_id, name, port) SELECT id, 'x', 70000 FROM projects", "ck_environments_port"),
    ("INSERT INTO performance_metrics SELECT gen_random_uuid(), 'x', 'NaN', 's'", "ck_performance_metrics_value"),
    ("INSERT INTO test_results (execution_id, ordinal, start_time, test_id, status) "
     "VALUES (gen_random_uuid(), 1, now(), 'a', 'fine')", "ck_test_results_status"),
    ("INSERT INTO deployment_steps (ordinal, name) VALUES (1, 'nobody''s')", "one_owner"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "constraint"), NONSENSE, ids=[where for _, where in NONSENSE])
def test_nonsense_is_refused(engine: Engine, store: RunStore, statement: str, constraint: str) -> None:
    store.start_stage(a_run(engine), StageName.TEST)
    with pytest.raises(IntegrityError, match=constraint):
        execute(engine, statement)


def test_a_reason_that_postgres_cannot_hold_still_ends_the_run(engine: Engine, store: RunStore) -> None:
    run_id = a_run(engine)
    store.fail_stage(store.start_stage(run_id, StageName.TEST), StageState.ERRORED, "nul \0 half \udc80")
    assert store.finish_run(run_id, RunState.ERRORED, "nul \0 half \udc80", 20)
    assert one(engine, "SELECT reason FROM pipeline_runs") == "nul \ufffd half \ufffd"


def test_which_of_some_runs_have_ended(engine: Engine, store: RunStore) -> None:
    gone, alive = a_run(engine), a_run(engine)
    store.finish_run(gone, RunState.PASSED, "", 0)
    assert store.ended([gone, alive, str(uuid4()), "no run"]) == {gone}
    assert store.ended([]) == frozenset()
