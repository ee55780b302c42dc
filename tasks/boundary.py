"""The boundary after a stage as a Prefect task: contract, rows, verdict, artifact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.utilities.annotations import opaque, quote

from data_checks import contracts
from data_checks.facts import BoundaryFacts
from sluice.artifacts import ArtifactStore
from sluice.database import database
from sluice.errors import ContractRejectedError
from sluice.records.checks import BoundaryReport
from sluice.records.common import Frozen, StageContext, StageRecord
from sluice.settings import Home
from sluice.store.ingest import Ingest
from tasks.aside import aside
from tasks.display import describe, describe_checks
from tasks.verdict import outcome, verdict


class Attempt(Frozen):
    """The stage run that is at its boundary."""

    stage_run_id: str
    run_id: str
    next_step: str = ""


def pass_boundary(
    record: StageRecord,
    context: StageContext,
    attempt: Attempt,
    facts: BoundaryFacts,
    cells: Sequence[StageRecord] = (),
) -> None:
    """Check a record and write it: accepted or quarantined, in one transaction with the check results.

    A reused record was accepted in the run that made it; its row links there. Only what may be otherwise for this run
    is judged again: time has passed, the base or the ref is another one.

    Raises:
        ContractRejectedError: names the first check that stopped it, expected and observed.
    """
    ingest = Ingest(database(), ArtifactStore(Home(Path(context.home)).artifacts))
    contract = contracts()[context.stage]
    reused = record.run_id != context.run_id
    report = contract.check_again(record, facts) if reused else contract.check(record, facts)
    if reused and (report is None or not report.stops):
        ingest.reuse(attempt.stage_run_id, record, report)
        return
    assert report is not None
    if report.accepted and not reused:
        ingest.accept(attempt.stage_run_id, record, report, cells=cells)
    else:
        ingest.reject(attempt.stage_run_id, record, report)
    publish(record, context, report)
    if report.stops or not report.accepted:
        raise rejection(context, report)


def rejection(context: StageContext, report: BoundaryReport) -> ContractRejectedError:
    """Return the error that names the first check that stopped the record."""
    if not report.stops:
        return ContractRejectedError("no check of the boundary was evaluated", where=f"after {context.stage}")
    first = report.stops[0]
    return ContractRejectedError(
        f"{first.name}: {first.message.rstrip('.')}",
        code=first.code,
        where=f"the boundary after {context.stage}",
        next_step=first.next_step,
    )


def publish(record: StageRecord, context: StageContext, report: BoundaryReport) -> None:
    """Leave the stage's artifact in the Prefect UI."""
    text = f"## {context.stage}\n{describe(record)}\n\n### Checks at the boundary\n{describe_checks(report)}"
    key, description = f"sluice-{context.stage}", record.headline()[:200]
    aside(lambda: create_markdown_artifact(text, key=key, description=description))


@task(name="boundary", task_run_name="after {context.stage}", cache_policy=NO_CACHE, retries=0)
def boundary(
    record: StageRecord,
    context: StageContext,
    attempt: Attempt,
    facts: BoundaryFacts,
    cells: Sequence[StageRecord] = (),
) -> State[Any] | None:
    """Hold a stage's record against its contract before the next stage sees it."""
    return verdict(lambda: pass_boundary(record, context, attempt, facts, cells))


def judge(
    record: StageRecord,
    context: StageContext,
    attempt: Attempt,
    facts: BoundaryFacts,
    cells: Sequence[StageRecord] = (),
) -> None:
    """Run :func:`boundary` as a task; raise the error that ended it.

    Prefect would look at every node of what it is given, in search of results of other tasks. Opaque: it sees whose
    result that is, and does not look inside. Quoted: there are none in it.
    """
    task_: Any = boundary  # Prefect's overloads see a coroutine in a task that may return a state
    words = (quote(context), quote(attempt), quote(facts), tuple(map(opaque, cells)))
    outcome(task_(opaque(record), *words, return_state=True))
