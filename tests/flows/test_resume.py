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

MOODY = """
import os, unittest
def note(name):
    with open(os.environ["MARKER"], "a") as file:
        file.write(os.environ["MODE"] + " " + name + "\\n")
    return os.environ["MODE"] == "a" or os.path.exists(os.environ["MARKER"] + ".ok")
class Some(unittest.TestCase):
    def test_good(self):
        note("good")
    def test_moody(self):
        self.assertTrue(note("moody"))
"""
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


def test_only_red_tests_run_again_and_the_others_stand(sluice: CommandLine, tmp_path: Path) -> None:
    clerk = Clerk(tmp_path, "moodyclerk", deploy=[])
    ran = clerk.marker
    test = {
        "frameworks": ["unittest"],
        "coverage": {"enabled": False},
        "env": {"MARKER": str(ran)},
        "matrix": {"env": {"MODE": ["a", "b"]}},
    }
    clerk.commit("Moody", test=test, files={"test_it.py": MOODY})
    sluice("run", clerk.path).ended(10)
    first = sluice.run_ids()[0]
    assert sorted(ran.read_text().splitlines()) == ["a good", "a moody", "b good", "b moody"]
    ran.with_name(ran.name + ".ok").touch()
    ran.write_text("")
    done = sluice("resume", first, "--failed-tests").ended(0)
    assert ran.read_text().splitlines() == ["b moody"]
    assert f"4 passed · 1 ran again after run {first[:8]}" in done.out
    view = sluice.view()
    count = "SELECT count(*), sum(x.total_tests) FROM test_executions x JOIN stage_runs s ON s.id = x.stage_run_id"
    assert sluice.rows(f"{count} WHERE s.run_id = :run", run=view.id) == [(1, 1)], "only what ran has rows"
    metrics = "SELECT count(*) FROM v_metrics WHERE run_id = :run AND stage = 'test'"
    assert sluice.one(metrics, run=view.id) == 0, "it is no baseline"
    sluice("run", clerk.path).ended(0)
    assert len(ran.read_text().splitlines()) > 1, "an ordinary run does not take it for the whole"
