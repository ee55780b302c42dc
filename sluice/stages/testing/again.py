"""Running only the tests that were red: what stands of the earlier executions, and what has to run.

An execution runs in part only when its report names every test that it began with; in every other case it runs whole.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sluice.artifacts import ArtifactStore
from sluice.records.testing import RunAgain, TestExecution, TestRecord, TestRequest, Wanted
from sluice.results.cases import STATUSES, case_id
from sluice.results.problems import MAX_CASES

BY_ID = ("pytest", "unittest")  # frameworks that can be asked for single tests
MOST_IDS = 1000
GREEN = ("passed", "flaky", "xfailed", "xpassed")
RED = ("failed", "error")


@dataclass
class Remains:
    """What is left to run, the executions that stand, and why something runs whole."""

    requests: list[TestRequest] = field(default_factory=list)
    standing: list[TestExecution] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def remains(record: TestRecord, run_id: str, requests: Sequence[TestRequest], artifacts: ArtifactStore) -> Remains:
    """Return what of `requests` has to run so that every test of `record`, which is red, is green in either.

    Args:
        run_id: the run that `record` is of.
    """
    found = Remains()
    for request in requests:
        mine = [each for each in record.executions if each.cell.label == request.cell.label]
        red = [each for each in mine if not _is_good(each)]
        if request.cell.shards > 1 or {each.framework for each in mine} != set(request.config.frameworks):
            found.notes.append(f"{request.cell.label} runs whole: its tests are split, or not all of them ran")
            found.requests.append(request)
            continue
        found.standing += [each for each in mine if _is_good(each)]
        if red:
            found.requests.append(_in_part(request, red, run_id, artifacts, found.notes))
    if not found.requests:
        return Remains(list(requests), [], ["everything runs whole: no test was red"])
    return found


def ids_of(cases: Path, statuses: Sequence[str] = STATUSES) -> Iterator[str]:
    """Yield the ids of the cases in a `cases.csv` that have one of the statuses."""
    with cases.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(line.replace("\0", "\ufffd") for line in file):
            if row["status"] in statuses:
                yield case_id(row["classname"], row["name"])


def _is_good(execution: TestExecution) -> bool:
    ended = not (execution.timed_out or execution.out_of_memory or execution.signal or execution.exit_code)
    open_ = execution.again is not None and execution.again.missing
    return ended and execution.report_problem is None and execution.total > 0 and not execution.red and not open_


def _in_part(
    request: TestRequest, red: Sequence[TestExecution], run_id: str, artifacts: ArtifactStore, notes: list[str]
) -> TestRequest:
    only: dict[str, Wanted] = {}
    for execution in red:
        why = _why_whole(execution, request, artifacts)
        wanted = None if why else _wanted(execution, run_id, artifacts)
        if wanted is not None and 0 < len(wanted.ids) <= MOST_IDS:
            only[execution.framework] = wanted
        else:
            count = len(wanted.ids) if wanted else 0
            notes.append(f"{execution.framework} {request.cell.label} runs whole: {why or f'{count} tests were red'}")
    config = request.config.model_copy(update={"frameworks": tuple(each.framework for each in red)})
    return request.model_copy(update={"config": config, "only": only})


def _why_whole(execution: TestExecution, request: TestRequest, artifacts: ArtifactStore) -> str:
    reasons = {
        "it cannot be asked for single tests": execution.framework not in BY_ID,
        "it did not come to its end": bool(execution.timed_out or execution.out_of_memory or execution.signal),
        "its report cannot be believed": execution.report_problem is not None or bool(execution.duplicate_ids),
        "a coverage gate needs every test": request.config.coverage.is_gated,
        "it left out tests that it had found": (execution.collected or MAX_CASES + 1) > execution.total,
        "it has too many tests": execution.total > MAX_CASES,
        "its cases are gone": execution.cases is None or not artifacts.path(execution.cases.sha256).is_file(),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _wanted(execution: TestExecution, run_id: str, artifacts: ArtifactStore) -> Wanted:
    assert execution.cases is not None
    before = execution.again
    ids = dict.fromkeys(ids_of(artifacts.path(execution.cases.sha256), RED))
    ids |= dict.fromkeys(before.missing if before else ())
    stands = RunAgain(
        run_id=run_id,
        asked=len(ids),
        passed=execution.passed + (before.passed if before else 0),
        flaky=execution.flaky + (before.flaky if before else 0),
        skipped=before.skipped if before else execution.skipped,
        xfailed=execution.xfailed + (before.xfailed if before else 0),
        xpassed=execution.xpassed + (before.xpassed if before else 0),
    )
    return Wanted(ids=tuple(ids), stands=stands)
