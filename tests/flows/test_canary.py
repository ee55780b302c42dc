"""A strategy in sluice.yaml, under users: a release that fails them takes over no more than a share, for a moment."""

from __future__ import annotations

import json
import re

import pytest

from tests.deploy_parts import Load
from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine

pytestmark = pytest.mark.services

STAGING = {
    "strategy": "canary",
    # Late answers are what a busy machine gives: only failures are judged here.
    "canary": {"weights": [50], "hold": "1s", "patience": "5m", "min_requests": 30, "max_p95_increase": "1m"},
}

FENCED = """SELECT r.commit_sha FROM release_fences f JOIN releases r ON r.digest = f.release_digest
JOIN projects p ON p.id = r.project_id WHERE p.name = :name"""


def test_a_release_that_fails_users_is_rolled_back_and_they_do_not_see_it(sluice: CommandLine) -> None:
    clerk = Clerk(sluice.folder, "canary", environments={"staging": STAGING})
    good = clerk.commit("Good")
    sluice("run", folder=clerk.path).ended(0)
    bad = clerk.commit("Bad", broken="users")

    with Load(f"{sluice.address(clerk.name)}/users", rate=20) as load:
        done = sluice("run", folder=clerk.path).ended(15)
        load.wait_for(20)

    assert "CANARY_WORSE" in done.err + done.out
    assert load.failed == {}
    assert {json.loads(body)["commit"] for _, body in load.answers} == {good}
    states = sluice.states()
    assert (states["deploy"], states["smoke"], states["rollback"]) == ("passed", "passed", "passed")
    sluice.serves(clerk.name, good)
    assert sluice.one(FENCED, name=clerk.name) == bad
    told = sluice("report").ended(0).out
    assert re.search(r"canary 50 %: worse after \d+ s, \d+\.\d% of \d+ answers failed, 0\.0% of", told), told
