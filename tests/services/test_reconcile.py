"""Runs that died without a word are settled, by the warm process, with no human step."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from sluice.services.addresses import load
from sluice.services.reconcile import reconcile
from sluice.settings import Settings
from sluice.store.engine import engine_for
from sluice.store.runs import RunStore
from sluice.tools.prefect_api import PrefectApi
from tests.services.dummies import Dummy, register
from tests.stack import eventually

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", autouse=True)
def deployed(running_stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    register(running_stack, tmp_path_factory.mktemp("dummy"))


def test_a_run_without_a_lease_is_lost_and_a_living_one_is_not(stack: Settings, tmp_path: Path) -> None:
    engine = engine_for(load(stack).database_url)
    store = RunStore(engine)
    flow = Dummy(stack, tmp_path, "slow", seconds=60)
    flow.words()
    dead, living = str(uuid4()), str(uuid4())
    for run_id in (dead, living):
        store.open_run(run_id, project="p", repository="/r", requested_ref="main", trigger="cli")
        store.start_run(run_id, owner="here:1", prefect_flow_run_id=flow.id if run_id == dead else None)
    workspace = stack.home.workspaces / dead
    workspace.mkdir()
    left = [subprocess.Popen(["sleep", "300"], env={**os.environ, "SLUICE_RUN_ID": run}) for run in (dead, living)]
    try:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE pipeline_runs SET lease_until = now() - interval '1 s' WHERE id = :id"), {"id": dead}
            )
        state = text("SELECT state, reason FROM pipeline_runs WHERE id = :id")

        def state_of(run_id: str) -> str:
            with engine.connect() as connection:
                return str(connection.execute(state, {"id": run_id}).one().state)

        eventually(lambda: state_of(dead) == "lost", "the reconciler", 40)
        assert left[0].wait(20) == -9
        assert flow.end(20).state_type == "CRASHED"
        assert "WORKER_LOST" in flow.end().message
        eventually(lambda: not workspace.exists(), "the end of the workspace")
        assert (state_of(living), left[1].poll()) == ("running", None)
    finally:
        for process in left:
            process.kill()
            process.wait()
        engine.dispose()


def test_a_flow_run_that_never_began_is_crashed(stack: Settings) -> None:
    api = PrefectApi(load(stack))
    deployment = api.deployment_id("quick/dummy")
    body = {"state": {"type": "PENDING"}, "parameters": {"note": "x"}}
    run = api.post(f"/deployments/{deployment}/create_flow_run", body)["id"]
    assert reconcile(stack) == ()
    found = api.flow_run(run)
    assert found is not None
    assert found.state_type == "PENDING"  # it may still begin
    reconcile(stack, pending_seconds=0)
    found = api.flow_run(run)
    assert found is not None
    assert (found.state_type, "did not begin" in found.message) == ("CRASHED", True)


def test_a_clean_up_comes_once_a_day(stack: Settings) -> None:
    mark, old = stack.home.cache / "cleaned", stack.home.environments / "unused"
    eventually(mark.exists, "the first clean-up, which is the reconciler's", 60)

    def long_ago(path: Path, days: float) -> None:
        os.utime(path, (time.time() - days * 86400,) * 2)

    old.mkdir()
    long_ago(old, 31)
    reconcile(stack)
    assert old.exists()  # the last one is not a day ago
    long_ago(mark, 1.1)
    eventually(lambda: not old.exists(), "the clean-up of the next day", 60)
    eventually(lambda: time.time() - mark.stat().st_mtime < 3600, "the mark of that clean-up", 60)
