"""Lies of a deploy."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from sluice.config.model import Environment
from sluice.records.deploy import DeployRecord
from tests import factories
from tests.deploy_parts import City, release, wait_for
from tests.faults.lies.case import Made, lie, twin
from tests.repositories import Repository
from tests.stages.test_deploy_conditions import HIDDEN, ask, edit_environment, serving

ONE, TWO = release("one"), release("two")


def told(city: City, record: DeployRecord) -> Made:
    """Return the record with what the runner knows: the release that was built, and the declared replicas."""
    return record, factories.facts(release_digest=record.release.digest, replicas=city.replicas)


def observed(city: City, record: DeployRecord, *, stray: bool = False) -> Made:
    """Look at the candidate again, as the stage does; `stray`: its route leads to the old replicas."""
    site = city.world.site("greeter", "staging", city.lines.append)
    new = site.set_of(record.deployment_id)
    assert new is not None
    if stray:
        old = site.serving()
        assert old is not None
        site.candidate_route.point(old.addresses)
    seen = city.target.observe(new)
    running = site.running_digests(
        (*seen, *(city.target.observe(old) if stray and old else ())), site.candidate_route, "/healthz"
    )
    return told(city, record.model_copy(update={"replicas": seen, "running_digests": running}))


@lie("D01")
def the_proxy_leads_to_the_old_release(city: City) -> Made:
    """the deploy is done, and the proxy leads to the old replicas"""
    city.release(ONE)
    return observed(city, city.deploy(TWO), stray=True)


@twin("D01")
def the_proxy_leads_to_the_new_release(city: City) -> Made:
    """the proxy leads to the new replicas, the old ones still run"""
    city.release(ONE)
    return observed(city, city.deploy(TWO))


@lie("D02")
def a_replica_dies_after_its_health_check(city: City) -> Made:
    """a replica is killed after it was healthy, and started again"""
    record = city.deploy(ONE)
    replica = record.replicas[0]
    assert replica.pid is not None
    os.kill(replica.pid, signal.SIGKILL)
    new = serving(city)
    wait_for(lambda: city.target.files.restarts(new, 1) > 0, "the restart")
    wait_for(lambda: all(each.healthy for each in city.target.observe(new)), "the replica")
    return observed(city, record)


@twin("D02")
def all_replicas_live(city: City) -> Made:
    """as many healthy replicas as declared, none started twice"""
    return observed(city, city.deploy(ONE))


def with_variable(city: City, value: str) -> Made:
    return told(city, ask(city, ONE, {"variables": {"API": value}}))


@lie("D03")
def a_reference_is_not_expanded(city: City) -> Made:
    """a variable is `https://${HOST}/`"""
    return with_variable(city, "https://${HOST}/")


@twin("D03")
def a_value_with_a_dollar(city: City) -> Made:
    """a real value that holds a dollar sign and the word todo"""
    return with_variable(city, "https://todo.example/?price=$5")


def edited(city: City, *, past_the_deploy: bool) -> Made:
    city.release(ONE, variables={"GREETING": "hello"})
    if past_the_deploy:
        edit_environment(city, serving(city))
    return told(city, ask(city, TWO, {"variables": {"GREETING": "hacked"}}))


@lie("D04")
def a_variable_is_edited_by_hand(city: City) -> Made:
    """somebody edits a variable of what runs past every deploy"""
    return edited(city, past_the_deploy=True)


@twin("D04")
def a_variable_is_changed_by_a_deploy(city: City) -> Made:
    """the same variable is changed by a deploy"""
    return edited(city, past_the_deploy=False)


def history(city: City, tmp_path: Path, *, backwards: bool) -> Made:
    repository = Repository(tmp_path / "repository")
    old, new = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    first, second = (new, old) if backwards else (old, new)
    city.release(ONE.model_copy(update={"commit": first}))
    later = TWO.model_copy(update={"commit": second})
    return told(city, ask(city, later, mirror=str(repository.path / ".git")))


@lie("D05")
def an_old_run_is_started_again(city: City, tmp_path: Path) -> Made:
    """the run of an older commit is started again, over a newer one"""
    return history(city, tmp_path, backwards=True)


@twin("D05")
def the_next_commit(city: City, tmp_path: Path) -> Made:
    """the next commit is deployed over the older one"""
    return history(city, tmp_path, backwards=False)


def with_database(city: City, monkeypatch: pytest.MonkeyPatch, name: str) -> Made:
    monkeypatch.setenv("STAGING_DB", f"postgresql://app:{HIDDEN}@db.example/{name}")
    others = {"production": Environment(variables={"DB": "postgres://root@DB.example:5432/shop"})}
    return told(city, ask(city, TWO, {"secrets": {"DATABASE_URL": "env:STAGING_DB"}}, others=others))


@lie("D06")
def staging_writes_to_the_database_of_production(city: City, monkeypatch: pytest.MonkeyPatch) -> Made:
    """staging's secret names the database of production by another user"""
    record, facts = with_database(city, monkeypatch, "shop")
    assert HIDDEN not in record.model_dump_json()
    return record, facts


@twin("D06")
def staging_has_a_database_of_its_own(city: City, monkeypatch: pytest.MonkeyPatch) -> Made:
    """another database on the same server"""
    return with_database(city, monkeypatch, "shop_staging")


@lie("D07")
def a_bad_release_comes_back(city: City) -> Made:
    """a release that was rolled back here is deployed again"""
    for each in (ONE, TWO):
        city.release(city.store(each))
    city.rollback()
    return told(city, ask(city, TWO))


@twin("D07")
def a_mended_release_comes(city: City) -> Made:
    """after a rollback another release is deployed"""
    for each in (ONE, TWO):
        city.release(city.store(each))
    city.rollback()
    return told(city, ask(city, release("three")))


def promoted(city: City, *, passed: bool) -> Made:
    with city.journal.lock("greeter", "preview", city.run_id, "deploy", 1.0) as lease:
        made = city.journal.begin_deployment(lease, city.run_id, "greeter", "preview", ONE, None)
        city.journal.mark_smoke(made, passed)
        city.journal.finish_deployment(lease, made, "serving")
    return told(city, ask(city, ONE, {"promote_from": "preview"}))


@lie("D08")
def a_release_failed_before(city: City) -> Made:
    """the release failed its smoke test in the environment before"""
    return promoted(city, passed=False)


@twin("D08")
def a_release_passed_before(city: City) -> Made:
    """the release passed its smoke test in the environment before"""
    return promoted(city, passed=True)


def with_secret(city: City, monkeypatch: pytest.MonkeyPatch, **declared: Any) -> Made:
    monkeypatch.setenv("SOME_TOKEN", HIDDEN)
    return told(city, ask(city, ONE, {"secrets": declared}))


@lie("D09")
def a_service_prints_its_secret(city: City, monkeypatch: pytest.MonkeyPatch) -> Made:
    """the service prints its token when it starts"""
    return with_secret(city, monkeypatch, TOKEN="env:SOME_TOKEN")


@twin("D09")
def a_service_keeps_its_secret(city: City, monkeypatch: pytest.MonkeyPatch) -> Made:
    """the service has the token and does not print it"""
    return with_secret(city, monkeypatch, OTHER="env:SOME_TOKEN")
