from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import Flow, FlowRun, WorkPool, WorkQueue
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Pending, Scheduled

from sluice.services.quick_reading import FRESH_SECONDS, Known

POOL, QUEUE, FLOW, DEPLOYMENT = (uuid4() for _ in range(4))


def known(**changed: Any) -> Known:
    deployment = DeploymentResponse.model_validate({"id": DEPLOYMENT, "name": "d", "flow_id": FLOW})
    queue = WorkQueue.model_validate({"id": QUEUE, "name": "q", "work_pool_id": POOL})
    pool = WorkPool.model_validate({"id": POOL, "name": "p", "type": "process", "default_queue_id": QUEUE})
    return replace(Known(deployment, Flow(id=FLOW, name="f"), queue, pool, time.monotonic()), **changed)


def asked(**changed: Any) -> FlowRun:
    run = {"flow_id": FLOW, "name": "r", "deployment_id": DEPLOYMENT, "work_queue_id": QUEUE, "state": Scheduled()}
    return FlowRun(**{**run, **changed})


def test_a_run_of_what_was_read_is_admitted_and_asks_no_more() -> None:
    run, read = asked(), known()
    assert read.admits(run)
    assert set(read.answers()) == {DEPLOYMENT, FLOW}
    assert read.response(run).model_dump(include={"work_pool_id", "work_queue_id"}) == {
        "work_pool_id": POOL,
        "work_queue_id": QUEUE,
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"deployment_id": uuid4()},
        {"flow_id": uuid4()},
        {"work_queue_id": uuid4()},
        {"state": Pending()},
        {"state": None},
    ],
    ids=["deployment", "flow", "queue", "another has it", "no state"],
)
def test_another_run_has_to_be_looked_for(changed: dict[str, Any]) -> None:
    assert not known().admits(asked(**changed))


@pytest.mark.parametrize("what", ["queue", "pool"])
@pytest.mark.parametrize("changed", [{"is_paused": True}, {"concurrency_limit": 0}, {"concurrency_limit": 5}])
def test_the_server_is_asked_where_somebody_holds_runs_back(what: str, changed: dict[str, Any]) -> None:
    held = getattr(known(), what).model_copy(update=changed)
    assert not known(**{what: held}).admits(asked())


def test_a_queue_of_another_pool_admits_nothing() -> None:
    assert not known(queue=known().queue.model_copy(update={"work_pool_id": uuid4()})).admits(asked())


def test_what_was_read_long_ago_admits_nothing() -> None:
    assert not known(at=time.monotonic() - FRESH_SECONDS).admits(asked())
