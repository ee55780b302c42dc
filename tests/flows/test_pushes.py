"""Pushes as a webhook tells of them: on top, too late, over somebody's commit; what serves is never an older commit."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from sluice.cli.start import PIPELINE
from sluice.records.request import PipelineRequest, Trigger
from sluice.services.addresses import load
from sluice.store.views import CheckView, RunView
from sluice.tools.prefect_api import PrefectApi
from tests.flows.clerk import Clerk
from tests.flows.command_line import LIMIT, CommandLine, settled

pytestmark = pytest.mark.services


def pushed(sluice: CommandLine, clerk: Clerk, before: str, after: str) -> RunView:
    """Have Prefect run the pipeline as a webhook asks for it; return the run once it has ended."""
    run_id = str(uuid4())
    request = PipelineRequest(
        repository=str(clerk.path),
        ref="main",
        expected_commit=after,
        previous_commit=before,
        trigger=Trigger.WEBHOOK,
        requested_by="push",
        run_id=run_id,
    )
    parameters: dict[str, Any] = {"request": request.model_dump(mode="json")}
    PrefectApi(load(sluice.settings)).create_flow_run(PIPELINE, parameters, name="push", idempotency_key=run_id)
    sluice.wait_for(run_id)
    return settled(sluice, run_id, LIMIT)


def told(run: RunView, stage: str, code: str) -> CheckView:
    """Return what the boundary after a stage said of one check."""
    (found,) = [check for each in run.stages if each.stage == stage for check in each.checks if check.code == code]
    return found


def test_pushes_on_top_too_late_and_over_a_commit(sluice: CommandLine) -> None:
    clerk = Clerk(sluice.folder, "pushed")
    first = clerk.commit("First", files={"tests/test_old.py": ""})
    sluice("run", clerk.path).ended(0)

    clerk.repository.git("rm", "--quiet", "tests/test_old.py")
    second = clerk.commit("Second")
    on_top = pushed(sluice, clerk, first, second)
    assert (on_top.exit_code, on_top.trigger, on_top.requested_by) == (0, "webhook", "push")
    assert [told(on_top, "checkout", code).status for code in ("C08", "C09")] == ["passed", "passed"]
    assert told(on_top, "test", "T02").message == "test files were deleted: tests/test_old.py"
    sluice.serves(clerk.name, second)

    clerk.repository.git("reset", "--quiet", "--hard", first)
    late = pushed(sluice, clerk, first, first)
    assert (late.state, late.exit_code) == ("rejected", 16)
    stale = told(late, "checkout", "C09")
    assert late.reason.startswith("C09: STALE_TRIGGER")
    assert (stale.status, stale.severity) == ("failed", "stop")
    assert second in stale.observed
    assert {str(each.state) for each in late.stages if each.stage != "checkout"} <= {"skipped"}
    sluice.serves(clerk.name, second)

    sluice("run", clerk.path, "--pull-request").ended(0)  # its checkout was accepted before, and is looked at again
    by_hand = told(sluice.view(), "checkout", "C09")
    assert (by_hand.status, by_hand.severity) == ("failed", "warn")

    third = clerk.commit("Third, and the second is gone")
    over = pushed(sluice, clerk, second, third)
    assert (over.exit_code, told(over, "checkout", "C09").status) == (0, "passed")
    warning = told(over, "checkout", "C08")
    assert (warning.status, warning.severity) == ("failed", "warn")
    assert second in warning.expected
    sluice.serves(clerk.name, third)
