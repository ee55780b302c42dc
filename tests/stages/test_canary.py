"""A canary on real parts: what is worse is stopped while few see it, what is alike takes over, too few tell nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sluice.config.canary import CanaryConfig
from sluice.errors import Exit
from sluice.records.deploy import CanaryStep
from sluice.stages.deploy_canary import CanaryFailedError, CanaryUndecidedError
from tests.deploy_parts import City, Load, get, release
from tests.postgres.parts import rows

QUICK = CanaryConfig(weights=(20, 50), hold=3.0, patience=20.0, min_requests=20, max_p95_increase=0.2)
CANARY: dict[str, Any] = {"strategy": "canary", "canary": QUICK}


def judged(city: City) -> list[CanaryStep]:
    """The steps of the newest deployment."""
    ((newest,),) = rows(city.engine, "SELECT id::text FROM deployments ORDER BY number DESC LIMIT 1")
    return list(city.journal.canary_steps(newest))


def test_a_release_that_is_alike_takes_over_step_by_step_and_no_request_fails(city: City) -> None:
    city.release(release("one"))

    with Load(city.url, rate=60) as load:
        record = city.release(release("two"), **CANARY)
        load.wait_for(20)

    assert load.failed == {}
    assert [step.name for step in record.steps][5:] == [
        "canary-20",
        "canary-50",
        "switch",
        "confirm",
        "drain",
        "remove",
    ]
    assert city.serving() == "two"
    first, second = judged(city)
    assert [(step.weight, step.verdict) for step in (first, second)] == [(20, "no worse"), (50, "no worse")]
    assert first.new_requests < first.old_requests, "the share is what was asked for, about"
    assert 0.05 < first.new_requests / (first.new_requests + first.old_requests) < 0.4
    assert 0.3 < second.new_requests / (second.new_requests + second.old_requests) < 0.7
    told = next(step.detail for step in record.steps if step.name == "canary-20")
    assert re.match(r"\d+ s: no worse: 0 of \d+ failed, 0 of \d+ of the old; p95 ", told)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [("fails a fifth", "answers failed, 0.0% of"), ("slow tail", " s of the old; ")],
)
def test_a_release_that_is_worse_is_stopped_at_the_first_step(city: City, behaviour: str, told: str) -> None:
    city.release(release("one"))
    bad = release("two", behaviour)

    with Load(city.url, rate=60) as load:
        with pytest.raises(CanaryFailedError) as caught:
            city.release(bad, **CANARY)
        after = load.answers.copy()
        load.wait_for(40)

    (step,) = judged(city)
    assert (step.weight, step.verdict) == (20, "worse")
    assert told in step.reason
    assert step.reason in str(caught.value)
    assert caught.value.exit_code == Exit.SMOKE_FAILED
    assert load.failed == {}, "what the bad release failed, the old one answered"
    assert load.answers - after == {(200, "one"): sum((load.answers - after).values())}, "nobody gets it any more"
    assert city.serving() == "one"
    assert city.states() == ["serving", "failed"]
    healed = city.rollback(bad=bad)
    assert (healed.passed, healed.fenced) == (True, True)


def test_a_release_that_dies_is_stopped_at_once(city: City) -> None:
    city.release(release("one"))

    with Load(city.url, rate=60) as load, pytest.raises(CanaryFailedError, match=r"answers failed|app-greeter"):
        city.release(release("two", "dies later"), **{**CANARY, "canary": QUICK.model_copy(update={"hold": 60.0})})

    assert load.failed == {}
    assert city.serving() == "one"


def test_too_few_requests_promote_nothing(city: City) -> None:
    city.release(release("one"))
    config = CanaryConfig(weights=(50,), hold=0.5, patience=2.0, min_requests=20)

    with pytest.raises(CanaryUndecidedError) as caught:
        city.release(release("two"), strategy="canary", canary=config)

    (step,) = judged(city)
    assert (step.verdict, step.new_requests) == ("not enough requests", 0)
    assert caught.value.code == "CANARY_UNDECIDED"
    assert caught.value.exit_code == Exit.DEPLOY_FAILED
    assert city.serving() == "one"
    assert city.fences() == set()


def test_the_first_release_has_nothing_to_be_compared_with(city: City) -> None:
    record = city.release(release("one"), **CANARY)

    assert [step.name for step in record.steps][5:] == ["switch", "confirm"]
    assert get(city.url) == (200, "one")
