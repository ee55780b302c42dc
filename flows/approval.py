"""The approval of a deploy: the run pauses until somebody who may says yes or no, here or in the Prefect UI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from pydantic import Field

from flows.run import Run
from sluice.database import database
from sluice.errors import DeployRefusedError
from sluice.records.approval import refuse_frozen, refuse_wrong_approver
from sluice.records.deploy import DeployRequest
from sluice.store.approvals import Approvals

POLL_SECONDS = 2


class Word(RunInput):
    """What an approver says."""

    approver: str = Field(min_length=1, title="Approver", description="Who decides: one of `approvers`.")
    verdict: Literal["approve", "reject"] = Field(title="Verdict", description="Deploy it, or not.")
    reason: str = Field(default="", title="Reason", description="Why; recorded.")


def approve(run: Run, order: DeployRequest, author: str) -> None:
    """Return when the deploy may begin: at once where no approvers are declared.

    Raises:
        DeployRefusedError: `REJECTED`, `APPROVAL_EXPIRED`, or `FROZEN` before anybody is asked.
    """
    declaration = order.declaration
    if not declaration.approvers:
        return
    rows = Approvals(database())
    try:
        refuse_frozen(declaration, order.environment, datetime.now(UTC))
    except DeployRefusedError as error:
        rows.refused(run.id, run.project, order.environment, f"run {run.id}", error.code, error.message)
        raise
    question = rows.ask(run.id, run.project, order.environment, order.release.digest, author)
    word = _asked(run, order, author, rows, question)
    state = "approved" if word.verdict == "approve" else "rejected"
    rows.decide(question, state, word.approver, word.reason)
    run.log(f"{state} by {word.approver}: {word.reason or 'no reason given'}")
    if word.verdict == "reject":
        raise DeployRefusedError(
            f"{word.approver} rejected the deploy: {word.reason or 'no reason given'}",
            code="REJECTED",
            where=order.environment,
        )


def _asked(run: Run, order: DeployRequest, author: str, rows: Approvals, question: int) -> Word:
    """Pause until somebody who may has decided; what others say is written down and changes nothing."""
    within, where = order.declaration.approve_within, f"environments.{order.environment}.approvers"
    run.log(f"wait for {' or '.join(order.declaration.approvers)}: `sluice approve {run.id[:8]}` within {within:g} s")
    while True:
        try:
            word: Word | None = pause_flow_run(wait_for_input=Word, timeout=int(within), poll_interval=POLL_SECONDS)
        except FlowPauseTimeout as error:
            rows.decide(question, "expired", "", f"nobody decided within {within:g} s")
            raise DeployRefusedError(
                f"nobody approved the deploy within {within:g} s",
                code="APPROVAL_EXPIRED",
                where=where,
                allowed=", ".join(order.declaration.approvers),
            ) from error
        assert word is not None
        try:
            refuse_wrong_approver(word.approver, order.declaration.approvers, author, where)
        except DeployRefusedError as error:
            rows.refused(run.id, run.project, order.environment, word.approver, error.code, error.message)
            run.log(f"not counted: {error}")
        else:
            return word
