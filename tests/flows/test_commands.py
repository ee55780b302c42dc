"""The commands that look: what they print for a red run, and that none of them changes anything."""

from __future__ import annotations

import json
import re

import pytest

from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine

pytestmark = pytest.mark.services

ACTING = ("run", "resume", "rollback", "cancel", "init", "up", "down", "demo", "settle", "fence")
LOOKING = ("runs", "report", "diff", "lineage", "logs", "why", "sql", "check", "plan", "schema", "status", "doctor")
LOOKING += ("env", "docs")


@pytest.fixture(scope="module")
def clerk(shared: CommandLine) -> Clerk:
    clerk = Clerk(shared.folder, "redclerk", deploy=[])
    clerk.commit("Good")
    shared("run", clerk.path).ended(0)
    clerk.commit("Red", red=True)
    shared("run", clerk.path).ended(10)
    return clerk


def test_report_shows_the_red_test_first(sluice: CommandLine, clerk: Clerk) -> None:
    text = sluice("report", sluice.run_ids()[0]).ended(0).out
    assert re.search(rf"✘ failed +{clerk.name} main [0-9a-f]{{10}}", text)
    assert "check::words" in text
    assert "it is red" in text
    assert "- scan skipped" in text
    assert text.rstrip().splitlines()[-1].startswith("  sluice report ")


def test_report_with_checks_fits_a_line_each(sluice: CommandLine, clerk: Clerk) -> None:
    text = sluice("report", "latest", "--checks").ended(0).out
    (line,) = (line for line in text.splitlines() if "C01" in line)
    assert re.search(r"✔ C01 COMMIT_MISMATCH +commit [0-9a-f]{12}$", line)
    assert not re.search(r"\b[0-9a-f]{40,64}\b", text), "digests are short"


def test_runs_lists_the_newest_first(sluice: CommandLine, clerk: Clerk) -> None:
    lines = sluice("runs", "--project", clerk.name).ended(0).out.splitlines()
    assert [re.split(r"\s+", line)[0] for line in lines] == ["✘", "✔"]


def test_why_names_the_input_that_changed(sluice: CommandLine, clerk: Clerk) -> None:
    newest, oldest = [each for each in sluice.run_ids() if sluice.view(each).project == clerk.name]
    changed = sluice("why", newest, "test").ended(0).out.splitlines()
    assert changed == [f"test ran: source changed since run {oldest[:8]} (2 files: app.py, check.py)"]
    told = json.loads(sluice("why", newest, "test", "--json").ended(0).out)
    assert (told["because"], told["cells"][0]["changes"][0]["files"]) == ("changed", ["app.py", "check.py"])
    assert "it is the first" in sluice("why", oldest, "test").ended(0).out
    assert "did not run" in sluice("why", newest, "scan").ended(0).out
    assert "STAGE_UNKNOWN" in sluice("why", newest, "rollback").ended(2).error


def test_logs_are_what_the_programs_printed(sluice: CommandLine, clerk: Clerk) -> None:
    run = sluice.run_ids()[0]
    assert "python3 check.py" in sluice("logs", run, "test").ended(0).out
    assert "git clone" in sluice("logs", run).ended(0).out
    assert sluice("logs", run, "test", "--follow").ended(0).out == sluice("logs", run, "test").out


def test_logs_are_read_from_another_machine_too(sluice: CommandLine, clerk: Clerk) -> None:
    run = sluice.run_ids()[0]
    here = {stage: sluice("logs", run, *stage).ended(0).out for stage in ((), ("test",))}
    folder = sluice.settings.home.run_logs(run)
    aside = folder.rename(folder.with_name("elsewhere"))
    try:
        assert {stage: sluice("logs", run, *stage).ended(0).out for stage in here} == here
        assert sluice("logs", "-f", run, "test").ended(0).out == here[("test",)]
    finally:
        aside.rename(folder)


def test_a_search_finds_lines_in_all_runs(sluice: CommandLine, clerk: Clerk) -> None:
    newest, oldest = [each for each in sluice.run_ids() if sluice.view(each).project == clerk.name]
    done = sluice("logs", "--search", "PYTHON3 check.py", "--project", clerk.name).ended(0)
    places = [line.split(": ", 1)[0] for line in done.out.splitlines()]
    assert [place.rpartition(":")[0] for place in places] == [
        f"{run[:8]} {clerk.name} main test" for run in (newest, oldest)
    ]
    line = int(places[0].rpartition(":")[2])
    assert "python3 check.py" in sluice("logs", newest, "test").out.splitlines()[line - 1]
    assert "2 lines in 2 runs" in done.err
    assert "no line" in sluice("logs", "--search", "nowhere to be found").ended(0).err
    assert "SEARCH_TEXT" in sluice("logs", "--search", "ab").ended(2).error


def test_sql_reads_and_only_reads(sluice: CommandLine, clerk: Clerk) -> None:
    answer = sluice("sql", f"select state from v_runs where project = '{clerk.name}' order by number").ended(0).out
    assert re.findall(r"passed|failed", answer) == ["passed", "failed"]
    for statement in (
        "insert into projects(name) values ('x')",
        "drop table findings",
        "set role sluice; delete from projects",
        "set default_transaction_read_only = off; reset role; delete from projects",
        "set default_transaction_read_only = off; set session authorization default; delete from projects",
        "create temp table t (x int)",
    ):
        assert sluice("sql", statement).ended(2).error.startswith("SQL_REFUSED: ")
    assert sluice.one("SELECT count(*) FROM projects WHERE name = :name", name=clerk.name) == 1
    assert "syntax error" in sluice("sql", "select * frm x").ended(2).error
    who = "select session_user::text as who, current_setting('statement_timeout') as wait"
    assert json.loads(sluice("sql", "--json", who).ended(0).out) == [{"who": "sluice_reader", "wait": "1min"}]
    assert sluice("sql", "--csv", who).ended(0).out == "who,wait\nsluice_reader,1min\n"


def test_plan_prints_what_would_run_and_runs_nothing(sluice: CommandLine, clerk: Clerk) -> None:
    before = sluice.run_ids()
    text = sluice("plan", clerk.path).ended(0).out
    assert f"{clerk.name}, branch main (by sluice.yaml)" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("▸")] == [
        "checkout",
        "test",
        "build",
        "scan",
    ]
    assert sluice.run_ids() == before


def test_status_doctor_and_env(sluice: CommandLine, clerk: Clerk) -> None:
    services = json.loads(sluice("status", "--json").ended(0).out)["services"]
    names = {service["name"] for service in services if service["state"] == "running"}
    assert {"supervisor", "postgres", "caddy", "prefect", "warm", "worker"} <= names
    assert "memory of all" in sluice("status").ended(0).out
    assert "trivy" in sluice("doctor").ended(0).out
    exported = sluice("env").ended(0).out
    assert f"export SLUICE_HOME={sluice.settings.home.root}" in exported


def test_every_command_explains_itself(sluice: CommandLine) -> None:
    text = sluice("--help").ended(0).out
    assert text == sluice().ended(2).out
    for name in ACTING + LOOKING:
        assert f" {name} " in text
    for name in ("run", "sql", "logs"):
        help_text = sluice(name, "--help").ended(0).out
        assert f"Usage: sluice {name}" in help_text
