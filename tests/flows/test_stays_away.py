"""A service that stays away for good in mid-run: a named error in time, and after `sluice up` nothing is lost."""

from __future__ import annotations

import pytest

from sluice.services import lifecycle, supervisord
from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine, settled
from tests.flows.test_kills import LOST_WITHIN

pytestmark = [pytest.mark.services, pytest.mark.faults]


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
