"""Killing what a run stands on while it works: every run ends, nothing is lost, and the next one works."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from sluice.services import supervisord
from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine, settled

pytestmark = [pytest.mark.services, pytest.mark.faults]

LOST_WITHIN = 120.0


@pytest.fixture(scope="module")
def clerk(shared: CommandLine) -> Clerk:
    clerk = Clerk(shared.folder, "hardyclerk")
    clerk.commit("Good")
    shared("run", clerk.path).ended(0)
    return clerk


def service(sluice: CommandLine, name: str) -> psutil.Process:
    found = [info for info in supervisord.supervisor_of(sluice.settings.home).processes() if info.name == name]
    assert found[0].pid is not None
    return psutil.Process(found[0].pid)


def kill(process: psutil.Process) -> None:
    """KILL a process and all below it, the children first: none of them may say goodbye."""
    process.suspend()
    for child in process.children(recursive=True):
        child.kill()
    process.kill()


def flow_of(sluice: CommandLine, run_id: str) -> int:
    owner: str = sluice.one("SELECT owner FROM pipeline_runs WHERE id = :run", run=run_id)
    return int(owner.rpartition(":")[2])


def test_a_killed_flow_is_lost_in_time_and_the_next_run_works(sluice: CommandLine, clerk: Clerk) -> None:
    clerk.commit("Slow", seconds=300)
    running = sluice.start("run", clerk.path).reaches("test")
    killed_at = time.monotonic()
    os.kill(flow_of(sluice, running.run_id), signal.SIGKILL)
    view = settled(sluice, running.run_id, LOST_WITHIN)
    assert time.monotonic() - killed_at < LOST_WITHIN
    assert (view.state, view.exit_code) == ("lost", 20)
    assert sluice.states(running.run_id)["test"] == "lost"
    assert "WORKER_LOST" in running.end().ended(20).out
    sluice.left_nothing(running.run_id, clerk.name)
    commit = clerk.commit("Quick again")
    sluice("run", clerk.path).ended(0)
    sluice.serves(clerk.name, commit)


@pytest.mark.parametrize("name", ["worker", "prefect", "postgres", "caddy"])
def test_a_run_outlives_the_death_of_a_service(sluice: CommandLine, clerk: Clerk, name: str) -> None:
    commit = clerk.commit(f"Without {name}", seconds=5)
    running = sluice.start("run", clerk.path).reaches("test")
    time.sleep(1)
    dead = service(sluice, name)
    if name == "worker":
        dead.kill()
    else:
        kill(dead)
    done = running.end()
    view = settled(sluice, running.run_id, LOST_WITHIN)
    assert "Traceback" not in done.out + done.err
    assert (view.state, view.exit_code) == ("passed", 0), view.reason
    assert done.exit_code == 0, done.err
    sluice.left_nothing(running.run_id, clerk.name)
    sluice.serves(clerk.name, commit)
    assert sluice.one("SELECT count(*) FROM test_executions x JOIN stage_runs s ON s.id = x.stage_run_id "
                      "WHERE s.run_id = :run", run=running.run_id) == 1  # fmt: skip
