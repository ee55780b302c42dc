"""A step is a row before it is done, and another when it is done or failed."""

from __future__ import annotations

import pytest

from sluice.errors import DeployFailedError, InfrastructureError
from sluice.records.deploy import Step
from sluice.stages.deploy_steps import Steps


def test_a_row_comes_before_the_effect() -> None:
    rows: list[tuple[int, str, str, str]] = []
    steps = Steps(lambda step: rows.append((step.ordinal, step.name, step.status, step.detail)), [].append)

    with steps.step("start") as note:
        assert rows == [(1, "start", "started", "")]
        note.detail = "2 replicas"
    with steps.step("health"):
        pass

    assert rows[1:] == [(1, "start", "done", "2 replicas"), (2, "health", "started", ""), (2, "health", "done", "")]
    assert [(step.ordinal, step.status) for step in steps.finished] == [(1, "done"), (2, "done")]


@pytest.mark.parametrize("error", [DeployFailedError("never healthy"), KeyboardInterrupt()])
def test_a_failure_is_journaled_and_raised_on(error: BaseException) -> None:
    rows: list[str] = []
    steps = Steps(lambda step: rows.append(f"{step.status} {step.detail}".strip()), [].append)

    with pytest.raises(type(error)), steps.step("health"):
        raise error

    assert rows == ["started", f"failed {str(error) or 'KeyboardInterrupt'}"]


def test_a_step_that_may_not_be_journaled_is_not_done() -> None:
    done = []

    def refuse(step: Step) -> None:
        raise InfrastructureError("the lock was lost")

    with pytest.raises(InfrastructureError), Steps(refuse, [].append).step("switch"):
        done.append("switched")

    assert done == []


def test_the_steps_own_error_is_the_one_to_see_when_the_journal_fails_too() -> None:
    lines: list[str] = []

    def write(step: Step) -> None:
        if step.status == "failed":
            raise InfrastructureError("no database")

    with pytest.raises(DeployFailedError, match="never healthy"), Steps(write, lines.append).step("health"):
        raise DeployFailedError("never healthy")

    assert any("not journaled" in line for line in lines)
