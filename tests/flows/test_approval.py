"""A deploy that waits for somebody's word: it goes on, ends, or waits on, as that somebody may say."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta

import pytest

from sluice.services.addresses import load
from sluice.tools.prefect_api import PrefectApi, PrefectError
from tests.flows.clerk import Clerk
from tests.flows.command_line import LIMIT, CommandLine, Running
from tests.stack import eventually

pytestmark = pytest.mark.services

ME = getpass.getuser()


def waits(running: Running) -> str:
    """Return the run, once it waits."""
    sluice, run_id = running.command, running.run_id
    api = PrefectApi(load(sluice.settings))

    def paused() -> bool:
        view = sluice.view(run_id)
        assert view.exit_code is None, view.reason
        flow_run = api.flow_run(view.prefect_flow_run_id) if view.prefect_flow_run_id else None
        return flow_run is not None and flow_run.state_type == "PAUSED"

    eventually(paused, "the pause", LIMIT)
    return run_id


def decisions(sluice: CommandLine, run_id: str) -> list[tuple[str, str, str]]:
    query = "SELECT state, decided_by, reason FROM approvals WHERE run_id = CAST(:run AS uuid) ORDER BY id"
    return [(row[0], row[1], row[2]) for row in sluice.rows(query, run=run_id)]


def events(sluice: CommandLine, run_id: str) -> list[tuple[str, str]]:
    query = "SELECT actor, action FROM audit_events WHERE run_id = CAST(:run AS uuid) ORDER BY id"
    return [(row[0], row[1]) for row in sluice.rows(query, run=run_id)]


def test_a_deploy_waits_for_a_word_and_does_what_it_says(shared: CommandLine) -> None:
    clerk = Clerk(shared.folder, "asked", environments={"staging": {"approvers": [ME, "grace"]}})
    first = clerk.commit("First")

    running = shared.start("run", clerk.path)
    run_id = waits(running)
    assert shared.replicas(clerk.name) == [], "nothing is started before it is approved"
    shared("approve", run_id[:8], "--reason", "looks well").ended(0)
    running.end().ended(0)

    shared.serves(clerk.name, first)
    assert decisions(shared, run_id) == [("approved", ME, "looks well")]
    assert (ME, "approved") in events(shared, run_id)

    clerk.commit("Second")
    refused = shared.start("run", clerk.path)
    run_id = waits(refused)
    api = PrefectApi(load(shared.settings))
    flow_run_id = shared.view(run_id).prefect_flow_run_id
    assert flow_run_id is not None
    with pytest.raises(PrefectError, match="RESUME_REFUSED"):
        api.resume(flow_run_id, {"approver": ME, "verdict": "perhaps"})
    api.resume(flow_run_id, {"approver": "mallory", "verdict": "approve"})
    eventually(lambda: ("mallory", "refused") in events(shared, run_id), "the refusal", LIMIT)
    waits(refused)
    shared("reject", run_id[:8], "--reason", "not before the fair").ended(0)
    refused.end().ended(3)

    assert shared.view(run_id).reason.startswith(f"REJECTED: {ME} rejected the deploy: not before the fair")
    shared.serves(clerk.name, first)
    assert decisions(shared, run_id) == [("rejected", ME, "not before the fair")]
    assert shared("approve", run_id[:8]).ended(2).error.startswith("NOT_WAITING: ")


def test_an_author_does_not_approve_and_a_freeze_asks_nobody(shared: CommandLine) -> None:
    clerk = Clerk(shared.folder, "own", environments={"staging": {"approvers": [ME], "approve_within": "60s"}})
    clerk.repository.environment["GIT_AUTHOR_NAME"] = ME
    clerk.commit("Mine")

    running = shared.start("run", clerk.path)
    run_id = waits(running)
    assert shared("approve", run_id[:8]).ended(3).error.startswith("OWN_COMMIT: ")
    running.end().ended(3)
    assert shared.view(run_id).reason.startswith("APPROVAL_EXPIRED: nobody approved the deploy within 60 s")
    assert decisions(shared, run_id) == [("expired", "", "nobody decided within 60 s")]
    assert events(shared, run_id)[:1] == [(ME, "refused")]

    ahead = datetime.now(UTC) + timedelta(days=1)
    freeze = {"from": "2026-01-01T00:00:00Z", "to": ahead.isoformat(), "reason": "nobody is here"}
    clerk.commit("Later", environments={"staging": {"approvers": [ME], "freeze": [freeze]}})
    shared("run", clerk.path).ended(3)

    run_id = shared.run_ids()[0]
    assert shared.view(run_id).reason.startswith("FROZEN: staging is frozen: nobody is here")
    assert decisions(shared, run_id) == []
    assert events(shared, run_id) == [(f"run {run_id}", "refused")]
    assert shared.replicas(clerk.name) == []
