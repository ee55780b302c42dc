"""A service that stays away for good in mid-run: a named error in time, and after `sluice up` nothing is lost."""

from __future__ import annotations

from uuid import uuid4

import psutil
import pytest

from sluice.cli.start import PIPELINE
from sluice.services import lifecycle, supervisord
from sluice.services.addresses import load
from sluice.tools.prefect_api import PrefectApi
from tests.flows.clerk import Clerk
from tests.flows.command_line import LIMIT, CommandLine, settled
from tests.flows.test_kills import LOST_WITHIN, flow_of
from tests.stack import eventually

pytestmark = [pytest.mark.services, pytest.mark.faults]

IMPATIENT = {"SLUICE_PREFECT_PATIENCE": "2"}


@pytest.mark.parametrize(
    ("name", "code"),
    [("caddy", "PROXY_DOWN"), ("postgres", "DATABASE_UNAVAILABLE")],
)
def test_a_run_without_it_ends_by_name_and_goes_on_when_it_is_back(sluice: CommandLine, name: str, code: str) -> None:
    clerk = Clerk(sluice.folder, f"no{name}clerk")
    commit = clerk.commit("Good", seconds=4)
    running = sluice.start("run", clerk.path).reaches("test")
    run_id = running.run_id
    supervisord.supervisor_of(sluice.settings.home).stop(name)
    done = running.end().ended(20)
    assert code in done.out + done.err

    lifecycle.up(sluice.settings, print)
    view = settled(sluice, run_id, LOST_WITHIN)
    assert (view.state in ("errored", "lost"), view.exit_code) == (True, 20)
    sluice.left_nothing(run_id, clerk.name)
    ran = clerk.tested
    accepted = [stage for stage, state in sluice.states(run_id).items() if state == "passed"]
    sluice("resume", run_id).ended(0)
    assert [sluice.states()[stage] for stage in accepted] == ["reused"] * len(accepted)
    assert clerk.tested == (ran if "test" in accepted else ran + 1)
    sluice.serves(clerk.name, commit)


def test_without_prefect_what_runs_ends_truly_and_what_waits_ends_by_name(sluice: CommandLine) -> None:
    clerk = Clerk(sluice.folder, "noprefectclerk")
    commit = clerk.commit("Good", seconds=4)
    api = PrefectApi(load(sluice.settings))
    run_id = str(uuid4())
    request = {"repository": str(clerk.path), "ref": "main", "run_id": run_id}
    api.create_flow_run(PIPELINE, {"request": request}, job_variables={"env": IMPATIENT})
    sluice.wait_for(run_id)
    eventually(lambda: sluice.states(run_id).get("test") == "running", "the tests", LIMIT)
    flow = psutil.Process(flow_of(sluice, run_id))
    pool = f"/work_pools/{sluice.settings.work_pool}"
    api.patch(pool, {"is_paused": True})
    try:
        sluice.environment.update(IMPATIENT)
        waiting = sluice.start("run", clerk.path)
        assert sluice.states(waiting.run_id) == {}
        supervisord.supervisor_of(sluice.settings.home).stop("prefect")

        view = settled(sluice, run_id, LIMIT)
        assert (view.state, view.exit_code) == ("passed", 0), view.reason
        sluice.serves(clerk.name, commit)
        flow.wait(LIMIT)  # Prefect's own client would try for eight minutes
        assert "PREFECT_DOWN" in (sluice.settings.home.run_logs(run_id) / "run.log").read_text()

        done = waiting.end().ended(20)
        assert "PREFECT_DOWN: the Prefect server has not answered" in done.out
        assert sluice.view(waiting.run_id).state == "errored"
        sluice.left_nothing(waiting.run_id, clerk.name)
    finally:
        lifecycle.up(sluice.settings, print)
        api.patch(pool, {"is_paused": False})
    ran = clerk.tested
    sluice("run", clerk.path).ended(0)
    assert sluice.states()["test"] == "reused"
    assert clerk.tested == ran
    assert sluice.view(waiting.run_id).state == "errored"  # the flow run that waited took nothing up
