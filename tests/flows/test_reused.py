"""A result that stands from an earlier run, and is not good enough for this one: stopped, and nothing is executed."""

from __future__ import annotations

import pytest

from tests.flows.clerk import APP, Clerk
from tests.flows.command_line import CommandLine

pytestmark = pytest.mark.services
HALF = "echo SF:app.py; seq -f DA:%g,1 1 30; seq -f DA:%g,0 31 60; echo end_of_record"
TAIL = "\n\ndef never():\n    return 1\n"


def test_tests_are_held_against_another_base_without_being_run_again(sluice: CommandLine) -> None:
    clerk = Clerk(sluice.folder, "otherclerk", deploy=[])
    clerk.sections["test"] |= {
        "command": ["sh", "-c", f"python3 check.py && ({HALF}) > cov.info"],
        "coverage": {"report": "cov.info", "changed_lines": 80},
    }
    assert APP.count("\n") >= 30, "what is appended is what no test reaches"
    clerk.commit("First")
    clerk.repository.git("branch", "before")
    clerk.commit("Code that no test reaches", files={"app.py": APP + TAIL})
    changed = APP.replace("timeout=30", "timeout=31").replace("import json", "import json  # words")
    clerk.commit("Code that a test reaches", files={"app.py": changed + TAIL})

    sluice("run", clerk.path).ended(0)
    first, ran = sluice.run_ids()[0], clerk.tested
    sluice("run", clerk.path).ended(0)
    judged = "SELECT code, status FROM v_checks WHERE run_id = :run AND stage = 'test'"
    assert sluice.rows(judged, run=sluice.run_ids()[0]) == [("T13", "not_enough_history")]
    assert sluice.stages()["test"].reused_from_run == first

    stopped = sluice("run", clerk.path, "--base", "before").ended(16)
    assert "T13" in stopped.out
    assert clerk.tested == ran, "nothing was executed again"
    stage = sluice.stages()["test"]
    assert (str(stage.state), sluice.view().state) == ("rejected", "rejected")
    assert "changed lines; no test reached" in stage.reason
    held = "SELECT q.codes FROM quarantine q JOIN stage_runs s ON s.id = q.stage_run_id WHERE s.run_id = :run"
    assert sluice.one(held, run=sluice.run_ids()[0]) == ["T13"]

    sluice("run", clerk.path).ended(0)  # the earlier result is as good as it was
    assert (sluice.stages()["test"].reused_from_run, clerk.tested) == (first, ran)
