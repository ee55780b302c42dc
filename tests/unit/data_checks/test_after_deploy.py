"""The lies after the deploy, each beside its honest twin."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.records.deploy import Condition
from sluice.states import CheckStatus
from tests.boundaries import believed, caught, check, not_asked, result
from tests.factories import DIGEST, OTHER_DIGEST, conditions, deploy, release, replica


def test_an_honest_deploy_is_believed() -> None:
    report = believed(deploy())
    codes = ("D03", "D05", "D06", "D07", "D08", "D01", "D02", "D04", "D09")
    assert [(each.code, each.status) for each in report.results] == [(code, CheckStatus.PASSED) for code in codes]


@pytest.mark.parametrize(
    "honest",
    [
        {"changed": False},
        {"previous": None},
        {"candidate_address": "http://127.0.0.1:41001"},
    ],
    ids=["already-served", "first", "candidate"],
)
def test_honest_deploys_are_believed(honest: dict[str, Any]) -> None:
    believed(deploy(**honest))


@pytest.mark.parametrize("running", [(OTHER_DIGEST,), ()], ids=["old", "nothing"])
def test_a_deploy_that_failed_and_left_what_was_there_is_true_and_bad(running: tuple[str, ...]) -> None:
    previous = release(digest=OTHER_DIGEST) if running else None
    record = deploy(passed=False, reason="never healthy", running_digests=running, replicas=(), previous=previous)
    assert not_asked(believed(record))["D02"] == "the deploy says itself that it failed: never healthy"


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"running_digests": (OTHER_DIGEST,)}, f"{OTHER_DIGEST} behind the proxy"),
        ({"running_digests": (DIGEST, OTHER_DIGEST)}, f"{DIGEST} and {OTHER_DIGEST} behind the proxy"),
        ({"running_digests": ()}, "nothing behind the proxy"),
        ({"release": release(digest=OTHER_DIGEST)}, f"for release {OTHER_DIGEST}"),
        (
            {"replicas": (replica(1), replica(2, release_digest=OTHER_DIGEST))},
            f"replicas of {DIGEST} and {OTHER_DIGEST}",
        ),
    ],
    ids=["old-still-serves", "two-serve", "nothing-serves", "other-release", "one-old-replica"],
)
def test_d01_what_runs_is_another_release(lie: dict[str, Any], observed: str) -> None:
    caught(deploy(**lie), "D01", DIGEST, observed)


def test_d01_a_failed_deploy_left_something_else_behind() -> None:
    stranger = "sha256:" + "9" * 64
    lie = deploy(passed=False, reason="never healthy", running_digests=(stranger,))
    caught(lie, "D01", f"{DIGEST} or {OTHER_DIGEST}", stranger)


@pytest.mark.parametrize(
    ("replicas", "observed"),
    [
        ((replica(1),), "1 healthy, 0 restarts"),
        ((replica(1), replica(2, healthy=False)), "1 healthy, 0 restarts"),
        ((replica(1), replica(2, restarts=1)), "2 healthy, 1 restarts"),
        ((replica(1), replica(1)), "1 healthy, 0 restarts"),
        ((), "0 healthy, 0 restarts"),
    ],
    ids=["too-few", "unhealthy", "restarts", "one-counted-twice", "none"],
)
def test_d02_replicas_are_missing(replicas: Any, observed: str) -> None:
    caught(deploy(replicas=replicas), "D02", "2 healthy replicas, no restart", observed)


def test_d02_the_record_declares_fewer_than_the_environment() -> None:
    caught(deploy(replicas_declared=2), "D02", "3 healthy replicas", "2 healthy", replicas=3)


def test_a_deploy_without_the_fact_of_its_release_cannot_be_checked() -> None:
    report = check(deploy(), release_digest=None)
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}


@pytest.mark.parametrize("code", ["D01", "D03", "D04", "D05", "D06", "D07", "D08", "D09"])
def test_a_condition_that_is_broken_stops_the_run(code: str) -> None:
    lie = deploy(conditions=conditions(**{code: f"what {code} saw"}))
    assert caught(lie, code, "what should be", f"what {code} saw").next_step


@pytest.mark.parametrize("code", ["D01", "D03", "D04", "D05", "D06", "D07", "D08", "D09"])
def test_a_condition_that_nobody_looked_at_is_no_pass(code: str) -> None:
    record = deploy(conditions=tuple(each for each in conditions() if each.code != code))
    report = check(record)
    assert [(each.code, each.status) for each in report.stops] == [(code, CheckStatus.COULD_NOT_RUN)]


def test_a_condition_without_a_subject_says_why() -> None:
    held = tuple(each for each in conditions() if each.code != "D08")
    record = deploy(conditions=(*held, Condition.no_subject("D08", "the environment names no `promote_from`")))
    assert not_asked(believed(record))["D08"] == "the environment names no `promote_from`"


def test_of_two_looks_at_one_condition_the_one_with_a_subject_is_shown() -> None:
    nothing = Condition.no_subject("D04", "nothing ran before")
    report = believed(deploy(conditions=(nothing, *conditions())))
    assert (result(report, "D04").status, result(report, "D04").observed) == (CheckStatus.PASSED, "what should be")


def test_of_two_looks_at_one_condition_the_broken_one_counts() -> None:
    record = deploy(conditions=(*conditions(), Condition.broken("D04", "as declared", "variable TOKEN is another")))
    caught(record, "D04", "as declared", "variable TOKEN is another")


def test_a_deploy_that_was_refused_names_its_cause_and_nothing_else() -> None:
    before = release(digest=OTHER_DIGEST)
    known: dict[str, Any] = {"passed": False, "changed": False, "reason": "refused", "running_digests": (OTHER_DIGEST,)}
    record = deploy(**known, previous=before, replicas=(), conditions=conditions(D07="it is fenced"))
    report = check(record)
    assert [each.code for each in report.stops] == ["D07"]
