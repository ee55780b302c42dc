"""The flows that a schedule starts, started as it does: of their deployments, without a parameter, by the worker.

All environments are looked at, those of other tests too: what is asserted is about this module's own, and that the flow
ends as the rows of all call for.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sluice.services.addresses import load
from sluice.tools.prefect_api import FlowRun, PrefectApi
from tests.flows.clerk import Clerk
from tests.flows.command_line import LIMIT, CommandLine
from tests.scan_parts import database
from tests.stack import eventually

pytestmark = pytest.mark.services

ADVISORY = "CVE-2019-10906"  # of jinja2 2.10
NAMED = "vendor/requirements.txt"  # the scanner reads it; the release installs nothing
LOOKS = """SELECT x.id, x.problem, x.packages, f.rule, f.is_new FROM rescans x
LEFT JOIN rescan_findings f ON f.rescan_id = x.id JOIN environments e ON e.id = x.environment_id
JOIN projects p ON p.id = e.project_id WHERE p.name = :name ORDER BY x.id, f.rule"""
BLIND = "SELECT count(*) FROM rescans WHERE id > :last AND problem <> ''"
TOLD = """SELECT a.detail ->> 'rule' FROM audit_events a JOIN environments e ON e.id::text = a.subject_id
JOIN projects p ON p.id = e.project_id WHERE p.name = :name AND a.action = 'new_finding'"""


@pytest.fixture(scope="module")
def clerk(shared: CommandLine) -> Clerk:
    """What serves: a release with a package that vulnerability data of another day know; its scan had no data."""
    clerk = Clerk(shared.folder, "scheduled")
    clerk.commit("Good", files={NAMED: "jinja2==2.10\n"})
    shared("run", clerk.path).ended(0)
    return clerk


def scheduled(sluice: CommandLine, deployment: str, **variables: str) -> FlowRun:
    """Have the worker run a deployment as its schedule does; return the run's end."""
    api = PrefectApi(load(sluice.settings))
    asked = api.create_flow_run(deployment, {}, job_variables={"env": variables} if variables else None)

    def ended() -> bool:
        run = api.flow_run(asked)
        return run is not None and run.ended

    eventually(ended, f"the end of {deployment}", LIMIT)
    run = api.flow_run(asked)
    assert run is not None
    return run


def logged(sluice: CommandLine, run: FlowRun) -> list[str]:
    """Return the lines that a flow run has sent."""
    body = {"logs": {"flow_run_id": {"any_": [run.id]}}, "limit": 200}
    return [line["message"] for line in PrefectApi(load(sluice.settings)).post("/logs/filter", body)]


def new_findings(sluice: CommandLine, name: str, since: datetime) -> list[dict[str, Any]]:
    """Return the events by which automations hear of findings in an environment."""
    resource = {"id": [f"sluice.environment.{name}.staging"]}
    occurred = {"since": since.isoformat(), "until": datetime.now(UTC).isoformat()}
    asked = {"event": {"name": ["sluice.finding.new"]}, "resource": resource, "occurred": occurred}
    answer = PrefectApi(load(sluice.settings)).post("/events/filter", {"filter": asked, "limit": 50})
    return [event["payload"] for event in answer["events"]]


def test_a_night_without_vulnerability_data_is_no_quiet_one(sluice: CommandLine, clerk: Clerk) -> None:
    run = scheduled(sluice, "rescan/sluice")

    assert run.state_type == "FAILED"
    assert run.message.startswith("RESCAN_BLIND: "), run.message
    assert f"{clerk.name} staging sha256:" in run.message
    (seen,) = sluice.rows(LOOKS, name=clerk.name)
    assert seen[1:] == ("SCANNER_DB_MISSING: no vulnerability data is configured (SLUICE_TRIVY_DB)", 0, None, None)


def test_a_finding_that_came_after_the_scan_is_told(sluice: CommandLine, clerk: Clerk, tmp_path: Path) -> None:
    begun, last = datetime.now(UTC), sluice.one("SELECT coalesce(max(id), 0) FROM rescans")
    run = scheduled(sluice, "rescan/sluice", SLUICE_TRIVY_DB=str(database(tmp_path / "data")))

    seen = [row for row in sluice.rows(LOOKS, name=clerk.name) if row[0] > last]
    assert {(row[1], row[2], row[4]) for row in seen} == {("", 1, True)}
    rules = {row[3] for row in seen}
    assert ADVISORY in rules
    blind = sluice.one(BLIND, last=last)
    assert run.state_type == ("FAILED" if blind else "COMPLETED"), run.message
    assert clerk.name not in run.message, "what was looked at is no reason to fail"
    assert sorted(row[0] for row in sluice.rows(TOLD, name=clerk.name)) == sorted(rules)

    def told() -> bool:
        return {event["rule"] for event in new_findings(sluice, clerk.name, begun)} == rules

    eventually(told, "the events", LIMIT)
    assert {event["package"] for event in new_findings(sluice, clerk.name, begun)} == {"jinja2"}
    artifact = PrefectApi(load(sluice.settings)).get("/artifacts/sluice-rescan/latest")
    assert artifact["flow_run_id"] == run.id
    assert f"{clerk.name} staging" in artifact["data"]
    assert ADVISORY in artifact["data"]
    listed = sluice("findings", "--project", clerk.name, "--cve", ADVISORY).ended(0).out
    assert "newer than its scan" in " ".join(listed.split())


def test_drift_is_a_failure_that_names_it(sluice: CommandLine, clerk: Clerk) -> None:
    fine = scheduled(sluice, "drift/sluice")
    serves = "serves as it was deployed"

    def told() -> bool:
        return any(line.startswith(f"{clerk.name} staging: ") and serves in line for line in logged(sluice, fine))

    eventually(told, "the flow's log", LIMIT)
    assert clerk.name not in fine.message
    (file,) = (sluice.settings.home.root / "apps" / clerk.name / "staging").rglob("*.environment")
    declared = file.read_text()
    file.write_text(json.dumps(json.loads(declared) | {"SLUICE_COMMIT": "f" * 40}))
    try:
        drifted = scheduled(sluice, "drift/sluice")
    finally:
        file.write_text(declared)

    assert drifted.state_type == "FAILED"
    assert drifted.message.startswith("CONFIG_DRIFT: "), drifted.message
    assert f"{clerk.name} staging: " in drifted.message
    assert "variable SLUICE_COMMIT of the process is another" in drifted.message
