"""Going on with a run: what it pinned, what it had accepted, and nothing that has changed since."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluice.services import lifecycle
from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine

pytestmark = pytest.mark.services

REUSED = ("checkout", "test", "build", "scan")


@dataclass(frozen=True)
class Stopped:
    """A run that the world stopped at its deploy, and what has happened to its project since."""

    clerk: Clerk
    run_id: str
    commit: str
    port: int


@pytest.fixture(scope="module")
def stopped(shared: CommandLine) -> Stopped:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        clerk = Clerk(shared.folder, "againclerk", environments={"staging": {"port": port, "variables": {"A": "one"}}})
        commit = clerk.commit("Good")
        assert "PORT_TAKEN" in shared("run", clerk.path).ended(20).out
    run_id = shared.run_ids()[0]
    clerk.sections["environments"]["staging"]["variables"]["A"] = "two"
    clerk.commit("The branch moves on, and sluice.yaml with it", red=True)
    return Stopped(clerk, run_id, commit, port)


def test_a_run_goes_on_elsewhere_after_a_restart_as_it_was_pinned(
    sluice: CommandLine, stopped: Stopped, tmp_path: Path
) -> None:
    clerk = stopped.clerk
    assert clerk.tested == 1
    lifecycle.down(sluice.settings, print)
    lifecycle.up(sluice.settings, print)
    away = clerk.path.rename(clerk.path.with_name("away"))
    try:
        done = sluice("resume", stopped.run_id[:8], folder=tmp_path).ended(0)
    finally:
        away.rename(clerk.path)
    view, stages = sluice.view(), sluice.stages()
    assert (view.commit, view.ref, view.resumes) == (stopped.commit, "main", stopped.run_id)
    assert {name: str(stages[name].state) for name in REUSED} == dict.fromkeys(REUSED, "reused")
    assert {stages[name].reused_from_run for name in REUSED} == {stopped.run_id}
    assert clerk.tested == 1, "no test was run again"
    assert (stages["deploy"].state, stages["smoke"].state) == ("passed", "passed")
    sluice.serves(clerk.name, stopped.commit)
    config = sluice.one("SELECT config FROM pipeline_runs WHERE id = :run", run=view.id)
    assert config["environments"]["staging"]["variables"] == {"A": "one"}
    assert f"resumes run {stopped.run_id[:8]}" in sluice("report", view.id).ended(0).out
    assert "reused" in done.out
    assert "NOTHING_TO_RESUME" in sluice("resume", view.id).ended(2).error


def test_from_a_stage_on_everything_runs_again(sluice: CommandLine, stopped: Stopped) -> None:
    before = stopped.clerk.tested
    sluice("resume", stopped.run_id, "--from", "test").ended(0)
    states = sluice.states()
    assert [states[name] for name in REUSED] == ["reused", "passed", "passed", "passed"]
    assert stopped.clerk.tested == before + 1
    assert "STAGE_UNKNOWN" in sluice("resume", stopped.run_id, "--from", "rollback").ended(2).error


def test_red_tests_are_run_again_and_the_checkout_stands(sluice: CommandLine, stopped: Stopped) -> None:
    before = stopped.clerk.tested
    sluice("run", stopped.clerk.path).ended(10)
    sluice("resume").ended(10)
    states = sluice.states()
    assert (states["checkout"], states["test"], states["build"]) == ("reused", "failed", "skipped")
    assert stopped.clerk.tested == before + 2


def test_what_is_alive_is_not_resumed(sluice: CommandLine, stopped: Stopped) -> None:
    stopped.clerk.commit("Slow", seconds=120)
    running = sluice.start("run", stopped.clerk.path).reaches("test")
    runs = len(sluice.run_ids())
    error = sluice("resume", running.run_id).ended(2).error
    assert error.startswith("RUN_ALIVE: ")
    assert all(word in error for word in ("owner ", "lease until", "sluice cancel"))
    assert len(sluice.run_ids()) == runs, "nothing was begun"
    running.interrupt().end().ended(130)
    assert f"sluice resume {running.run_id[:8]}" in sluice("report", running.run_id).out
