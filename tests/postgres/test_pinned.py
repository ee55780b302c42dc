"""What a run recorded of itself, and which runs can be taken up again."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import Engine

from sluice.errors import UsageError
from sluice.states import RunState, StageName
from sluice.store.pinned import Pinned, pinned
from sluice.store.resumption import refuse
from sluice.store.runs import RunStore
from tests.postgres.parts import a_run, execute, one

pytestmark = pytest.mark.postgres

COMMIT = "a" * 40


def a_stopped_run(engine: Engine, state: RunState = RunState.ERRORED, **fields: object) -> str:
    run_id = a_run(engine, **fields)
    store = RunStore(engine)
    store.set_commit(run_id, commit=COMMIT, ref_kind="branch", ref_name="main")
    store.set_plan(run_id, {"stages": ["checkout", "test"]}, {"project": "greeter"})
    store.finish_run(run_id, state, "", 0 if state is RunState.PASSED else 20)
    return run_id


def read(engine: Engine, run_id: str) -> Pinned:
    found = pinned(engine, run_id)
    assert found is not None
    return found


def refusal(run: Pinned, stage: StageName | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        refuse(run, stage)
    return caught.value


def test_a_stopped_run_is_read_as_it_was(engine: Engine) -> None:
    run_id = a_stopped_run(engine)
    good, red = (RunStore(engine).start_stage(run_id, stage) for stage in (StageName.CHECKOUT, StageName.TEST))
    values = "record = CAST(:record AS jsonb), ended_at = clock_timestamp()"
    execute(engine, f"UPDATE stage_runs SET state = 'passed', {values} WHERE id = :id", id=good, record='{"a": 1}')
    execute(engine, f"UPDATE stage_runs SET state = 'failed', {values} WHERE id = :id", id=red, record='{"a": 2}')
    found = read(engine, run_id)
    assert (found.commit, found.ref_kind, found.ref_name) == (COMMIT, "branch", "main")
    assert (found.plan, found.config) == ({"stages": ["checkout", "test"]}, {"project": "greeter"})
    assert found.records == {StageName.CHECKOUT: {"a": 1}, StageName.TEST: {"a": 2}}
    assert found.accepted == {StageName.CHECKOUT}
    refuse(found, None, failed_tests=True)
    with pytest.raises(UsageError, match="exclude each other"):
        refuse(found, StageName.TEST, failed_tests=True)
    with pytest.raises(UsageError, match="NO_FAILED_TESTS"):
        refuse(read(engine, a_stopped_run(engine)), None, failed_tests=True)
    refuse(found, None)
    refuse(found, StageName.TEST)
    assert refusal(found, StageName.DEPLOY).code == "STAGE_UNKNOWN"
    assert pinned(engine, str(uuid4())) is None


def test_a_living_run_is_refused_with_its_owner(engine: Engine) -> None:
    run_id = a_run(engine)
    error = refusal(read(engine, run_id))
    assert error.code == "RUN_ALIVE"
    assert "owner host:1, its lease until" in str(error)
    assert "sluice cancel" in error.next_step
    execute(engine, "UPDATE pipeline_runs SET lease_until = clock_timestamp() - interval '1 s'")
    assert "in a minute" in refusal(read(engine, run_id)).next_step


def test_green_runs_rollbacks_and_runs_without_a_commit_are_refused(engine: Engine) -> None:
    green = read(engine, a_stopped_run(engine, RunState.PASSED))
    assert refusal(green).code == "NOTHING_TO_RESUME"
    refuse(green, StageName.TEST)
    assert refusal(read(engine, a_stopped_run(engine, kind="rollback"))).code == "RESUME_ROLLBACK"
    early = a_run(engine)
    RunStore(engine).finish_run(early, RunState.FAILED, "", 2)
    assert refusal(read(engine, early)).code == "NOTHING_PINNED"


def test_a_run_is_linked_to_the_one_that_it_resumes(engine: Engine) -> None:
    first = a_stopped_run(engine)
    second = a_run(engine, resumes=first)
    query = "SELECT resumes::text FROM pipeline_runs WHERE id = :id"
    assert one(engine, query, id=second) == first
    assert one(engine, query, id=a_run(engine, resumes=str(uuid4()))) is None, "an unknown one is told by the flow"
