"""Stopping a run while a stage is at work: a clean end, nothing left, and what served serves on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine

pytestmark = pytest.mark.services

SLOW_BUILD = {
    "test": {"skip": "only the build counts here"},
    "files": {
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        "[project]\nname = 'x'\nversion = '1'\n",
        "backend.py": "import time\ntime.sleep(120)\n",
    },
}
SLOW: dict[str, dict[str, Any]] = {
    "checkout": {"submodules": True},  # of a server that never answers
    "scan": {"files": {"big.py": f"x = [{'1, ' * 400_000}]\n"}},  # bandit looks at each element
    "test": {"seconds": 120},
    "build": SLOW_BUILD,
    "deploy": {"broken": "health"},
    "smoke": {"broken": "slow"},
}


@dataclass(frozen=True)
class Served:
    """A project whose first commit serves."""

    clerk: Clerk
    first: str
    silent: str

    def commit(self, message: str, stage: str) -> None:
        """Commit what makes a stage slow."""
        changes = dict(SLOW[stage])
        if stage == "checkout":
            changes["files"] = {".gitmodules": f'[submodule "m"]\n\tpath = m\n\turl = {self.silent}\n'}
        self.clerk.commit(message, **changes)
        if stage == "checkout":
            self.clerk.repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},m")
            self.clerk.repository.git("commit", "--quiet", "-m", "With a module")


@pytest.fixture(scope="module")
def served(shared: CommandLine) -> Iterator[Served]:
    clerk = Clerk(shared.folder, "slowclerk")
    clerk.sections["service"]["start_timeout"] = "120s"
    first = clerk.commit("Good")
    shared("run", clerk.path).ended(0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = f"https://127.0.0.1:{silent.getsockname()[1]}"
        clerk.repository.git(
            "remote", "add", "origin", f"{server}/clerk.git"
        )  # submodules come from the same host only
        yield Served(clerk, first, f"{server}/m.git")


@pytest.mark.parametrize(
    ("stage", "how"),
    [*((stage, "Ctrl-C") for stage in ("checkout", "test", "build", "scan", "deploy", "smoke")), ("deploy", "cancel")],
)
def test_a_stopped_run_leaves_nothing(sluice: CommandLine, served: Served, stage: str, how: str) -> None:
    clerk = served.clerk
    served.commit(f"{stage} {how}", stage)
    running = sluice.start("run", clerk.path).reaches(stage)
    clerk.repository.git("checkout", "--quiet", "-B", "main", served.first)
    if how == "Ctrl-C":
        running.interrupt()
    else:
        assert "is being stopped" in sluice("cancel", running.run_id[:8]).ended(0).out
    done = running.end().ended(130)
    assert sum(line[1:].startswith(f" {stage} ") for line in done.out.splitlines()) == 1, "each stage is told once"
    view, states = sluice.view(running.run_id), sluice.states(running.run_id)
    assert (view.state, view.exit_code) == ("cancelled", 130)
    assert view.reason == "CANCELLED: the run was stopped", "the run ended itself"
    assert states[stage] == "cancelled"
    assert not {"running", "pending"} & set(states.values())
    sluice.left_nothing(view.id, clerk.name)
    sluice.serves(clerk.name, served.first)


def test_a_run_that_has_not_begun_never_does(sluice: CommandLine, served: Served) -> None:
    tested = served.clerk.tested
    running = sluice.start("run", served.clerk.path, "--fresh")
    assert "is being stopped" in sluice("cancel", running.run_id[:8]).ended(0).out
    running.end().ended(130)
    assert sluice.view(running.run_id).state == "cancelled"
    assert served.clerk.tested == tested
    assert "RUN_ENDED" in sluice("cancel", running.run_id).ended(2).error
    sluice.left_nothing(running.run_id, served.clerk.name)
