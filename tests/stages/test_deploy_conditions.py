"""What must not be deployed by accident is not started; what runs is compared with what was asked for."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluice.config.model import Environment
from sluice.limit_launcher import Groups
from sluice.records.build import Release
from sluice.records.deploy import DeployRecord
from sluice.stages.deploy import deploy, finish, repair
from sluice.targets.base import ReplicaSet
from tests.deploy_parts import City, declaration, release, request, wait_for
from tests.repositories import Repository

HIDDEN = "correct-horse-battery-staple"


def state(record: DeployRecord, code: str) -> tuple[str, str]:
    """Return state and words of a condition; the broken one where there are several."""
    found = sorted((each for each in record.conditions if each.code == code), key=lambda each: each.state)
    return found[0].state, found[0].observed


def ask(city: City, wanted: Release, declared: dict[str, Any] | None = None, **more: Any) -> DeployRecord:
    asked = request(wanted, **{"replicas": city.replicas, **(declared or {})})
    with city.place() as place:
        return deploy(asked.model_copy(update=more), place, city.world)


def refused(city: City, record: DeployRecord, code: str) -> str:
    """Assert that nothing was started for `code` alone; return what was observed."""
    assert (record.passed, record.changed, record.deployment_id) == (False, False, "")
    assert [each.code for each in record.conditions if each.state == "broken"] == [code]
    assert city.states() == (["serving"] if city.groups() else [])
    return state(record, code)[1]


def serving(city: City) -> ReplicaSet:
    (replicas,) = city.target.sets("greeter", "staging")
    return replicas


@pytest.mark.parametrize("value", ["", "changeme", "https://${HOST}/"])
def test_a_placeholder_starts_nothing(city: City, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    observed = refused(city, ask(city, release("one"), {"variables": {"GREETING": value}}), "D03")
    assert observed.startswith("environments.staging.variables.GREETING is ")
    monkeypatch.setenv("SOME_TOKEN", value)
    refused(city, ask(city, release("one"), {"secrets": {"TOKEN": "env:SOME_TOKEN"}}), "D03")


def test_an_ancestor_of_what_runs_is_not_deployed_by_accident(city: City, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    old, new = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    mirror = str(repository.path / ".git")
    older, newer = (release(name).model_copy(update={"commit": commit}) for name, commit in (("a", old), ("b", new)))
    city.release(newer)
    assert f"{old[:10]} is older than what runs" in refused(city, ask(city, older, mirror=mirror), "D05")
    assert state(ask(city, older, mirror=mirror, allow_downgrade=True), "D05")[0] == "no_subject"
    repository.git("checkout", "--quiet", "-b", "side", old)
    aside = release("c").model_copy(update={"commit": repository.commit({"b": "1"})})
    assert state(ask(city, aside, mirror=mirror), "D05")[0] == "holds"


def test_two_environments_do_not_share_a_database(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING_DB", f"postgresql://app:{HIDDEN}@db.example/shop")
    mine = {"secrets": {"DATABASE_URL": "env:STAGING_DB"}}
    same = {"production": Environment(variables={"DB": "postgres://root@DB.example:5432/shop?sslmode=require"})}
    observed = refused(city, ask(city, release("one"), mine, others=same), "D06")
    assert observed == "DATABASE_URL of staging and DB of production name the same PostgreSQL database"
    other = {"production": Environment(variables={"DB": "postgres://root@db.example/live"}, secrets={"S3": "env:NONE"})}
    record = ask(city, release("one"), mine, others=other)
    assert state(record, "D06") == ("holds", "nothing in common with production; not known here: production.S3")
    assert HIDDEN not in record.model_dump_json()


def test_a_release_is_promoted_or_not_started(city: City) -> None:
    wanted = {"promote_from": "preview"}
    observed = refused(city, ask(city, release("one"), wanted), "D08")
    assert observed.endswith("never passed in preview")
    with city.journal.lock("greeter", "preview", city.run_id, "deploy", 1.0) as lease:
        passed = city.journal.begin_deployment(lease, city.run_id, "greeter", "preview", release("one"), None)
        city.journal.mark_smoke(passed, True)
        city.journal.finish_deployment(lease, passed, "serving")
    assert state(ask(city, release("one"), wanted), "D08")[0] == "holds"


def edit_environment(city: City, replicas: ReplicaSet) -> None:
    """Change a variable past every deploy, as with an editor and a restart."""
    file = city.target.files.environment(replicas, 1)
    file.write_text(json.dumps({**json.loads(file.read_text()), "GREETING": "hacked"}))


def add_to_file(city: City, replicas: ReplicaSet) -> None:
    """Add a variable past every deploy, for the next start."""
    file = city.target.files.environment(replicas, 1)
    file.write_text(json.dumps({**json.loads(file.read_text()), "PROXY": "http://evil.example"}))


def add_to_process(city: City, replicas: ReplicaSet) -> None:
    """Start a replica with a variable more, and hide the trace in the file."""
    file = city.target.files.environment(replicas, 1)
    before = file.read_text()
    add_to_file(city, replicas)
    (pid, *_) = [each.pid for each in city.target.observe(replicas)]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: city.target.files.restarts(replicas, 1) > 0, "the restart")
    wait_for(lambda: all(each.healthy for each in city.target.observe(replicas)), "the replica")
    file.write_text(before)


def raise_limit(city: City, replicas: ReplicaSet) -> None:
    group = Groups(city.target._cgroup(replicas, 1))
    folder = group.folders()["memory"]
    (folder / ("memory.max" if group.unified else "memory.memsw.limit_in_bytes")).write_text(str(512 << 20))
    (folder / ("memory.max" if group.unified else "memory.limit_in_bytes")).write_text(str(512 << 20))


def switch_by_hand(city: City, replicas: ReplicaSet) -> None:
    """Say in the journal that another release serves."""
    with city.journal.lock("greeter", "staging", city.run_id, "deploy", 1.0) as lease:
        other = city.journal.begin_deployment(lease, city.run_id, "greeter", "staging", release("zero"), None)
        city.journal.finish_deployment(lease, other, "serving")


@pytest.mark.parametrize(
    ("change", "observed"),
    [
        (edit_environment, "replica 1: variable GREETING is not as declared"),
        (add_to_file, "replica 1: variable PROXY was added"),
        (add_to_process, "replica 1: variable PROXY of the process was added"),
        (raise_limit, "replica 1: memory limit 512 MiB instead of 256 MiB"),
        (switch_by_hand, "serves, the journal says"),
    ],
)
def test_what_was_changed_past_every_deploy_is_seen(
    city: City, change: Callable[[City, ReplicaSet], None], observed: str
) -> None:
    if change is raise_limit and not Groups("x").folders().get("memory"):
        pytest.fail("this machine has no control group for memory")
    city.release(release("one"), variables={"GREETING": "hello"})
    assert state(ask(city, release("one"), {"variables": {"GREETING": "hello"}}), "D04")[0] == "holds"
    change(city, serving(city))
    record = ask(city, release("two"), {"variables": {"GREETING": "hi"}})
    assert not record.passed
    assert observed in state(record, "D04")[1]


def test_repair_starts_again_what_was_deployed_last(city: City) -> None:
    city.release(release("one"), variables={"GREETING": "hello"})
    before = serving(city)
    assert repair(city.world, "greeter", "staging", run_id=city.run_id, log=city.lines.append) == release("one")
    assert serving(city).group == before.group
    edit_environment(city, before)
    assert repair(city.world, "greeter", "staging", run_id=city.run_id, log=city.lines.append) == release("one")
    assert serving(city).group != before.group
    assert "settle: replica 1: variable GREETING is not as declared" in city.lines
    assert city.serving() == "one"
    assert state(ask(city, release("two"), {"variables": {"GREETING": "hi"}}), "D04")[0] == "holds"


def test_a_wrapper_may_add_to_the_environment(city: City) -> None:
    asked = city.request(release("one"))
    assert asked.service is not None
    words = ("sh", "-c", 'MADE_BY_WRAPPER=1 exec "$0" "$@"', *asked.service.command)
    service = asked.service.model_copy(update={"command": words})
    for _ in range(2):
        with city.place() as place:
            record = deploy(asked.model_copy(update={"service": service}), place, city.world)
        assert record.passed, record.reason
        assert {each.state for each in record.conditions if each.code == "D04"} <= {"holds", "no_subject"}
        with city.place() as place:
            finish(record, place, city.world)


def test_a_secret_in_the_report_of_an_earlier_stage_is_found_out(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", HIDDEN)
    with city.place() as place:
        report = place.artifacts.put_bytes(f"<system-out>token {HIDDEN}</system-out>".encode(), "junit.xml")
        clean = place.artifacts.put_bytes(b"<testsuite/>", "clean.xml")
    asked = city.request(release("two"), secrets={"OTHER": "env:SOME_TOKEN"})
    for evidence, told in (((clean,), "none found"), ((clean, report), "the run's file junit.xml")):
        with city.place() as place:
            record = deploy(asked.model_copy(update={"evidence": evidence}), place, city.world)
        assert told in state(record, "D09")[1]
        assert HIDDEN not in record.model_dump_json()


def test_a_release_that_prints_its_secret_is_found_out(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", HIDDEN)
    told = ask(city, release("one"), {"secrets": {"TOKEN": "env:SOME_TOKEN"}})  # it prints TOKEN when it starts
    assert "the value of TOKEN is in the log of replica 1" in state(told, "D09")[1]
    assert HIDDEN not in told.model_dump_json()
    quiet = ask(city, release("two"), {"secrets": {"OTHER": "env:SOME_TOKEN"}})
    assert state(quiet, "D09")[0] == "holds"


def test_a_waived_condition_keeps_nothing_from_being_started(city: City) -> None:
    record = ask(city, release("one"), {"variables": {"GREETING": "changeme"}}, waived=("D03",))
    assert (record.passed, state(record, "D03")[0]) == (True, "broken")


def test_an_honest_deploy_holds_every_condition(city: City) -> None:
    city.release(release("one"), **declaration(variables={"A": "b"}).model_dump(include={"variables"}))
    record = ask(city, release("two"), {"variables": {"A": "b"}})
    assert record.passed
    assert {each.code for each in record.conditions} == {"D01", "D03", "D04", "D05", "D06", "D07", "D08", "D09"}
    assert not [each for each in record.conditions if each.state == "broken"]
