"""From the rows of two runs to what differs between them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from sluice.errors import UsageError
from sluice.report.collect import problems
from sluice.report.difference import (
    VERSION,
    Difference,
    config_changes,
    coverage_changes,
    moved,
    side,
    test_changes,
    values,
)
from sluice.report.document import FoundProblem
from sluice.states import StageName, StageState
from sluice.store.diff_rows import DiffRows
from sluice.store.engine import reading
from sluice.store.read import Reader
from sluice.store.report_rows import ReportRows
from sluice.store.views import RunView

ACCEPTED = (StageState.PASSED, StageState.FAILED, StageState.REUSED)


class _Run:
    """What is known of one of the two."""

    def __init__(self, connection: Connection, run: RunView) -> None:
        rows = ReportRows(connection, run.id)
        self.run = run
        self.records = rows.records()
        self.config = rows.config() or {}
        executions = (self.records.get(StageName.TEST) or {}).get("executions", ())
        self.environment = {
            f"{each['cell']['label']} {name}": str(value)
            for each in executions
            for name, value in (each.get("environment") or {}).items()
        }
        found = DiffRows(connection, run.id, [each["cell"]["label"] for each in executions])
        self.tested = any(stage.stage == StageName.TEST and stage.state in ACCEPTED for stage in run.stages)
        self.cases: dict[str, Any] = found.cases()
        self.files = found.files()
        self.packages = found.packages()
        self.environment |= found.tools()
        self.findings = {each.fingerprint: each for each in problems(rows)}

    def seconds(self) -> dict[str, float | None]:
        """Return seconds of the stages that did their work, and of the tests that were not skipped."""
        stages = {
            f"stage {stage.stage}": stage.seconds for stage in self.run.stages if stage.state is not StageState.REUSED
        }
        return stages | {name: case.seconds for name, case in self.cases.items() if not case.skipped}


def compare(reader: Reader, before: RunView, after: RunView) -> Difference:
    """Return what differs between two runs.

    Raises:
        UsageError: `PROJECTS_DIFFER`.
    """
    if before.project != after.project:
        raise UsageError(
            "the runs are of two projects",
            code="PROJECTS_DIFFER",
            found=f"{before.project}, {after.project}",
            next_step="`sluice runs --project NAME` lists the runs of one.",
        )
    with reading(reader.engine) as connection:
        old, new = _Run(connection, before), _Run(connection, after)
    return Difference(
        version=VERSION,
        before=side(before),
        after=side(after),
        tests=test_changes(old.cases if old.tested else None, new.cases if new.tested else None),
        durations=moved(old.seconds(), new.seconds()),
        coverage=coverage_changes(old.files, new.files),
        new_findings=_only(new.findings, old.findings),
        gone_findings=_only(old.findings, new.findings),
        packages=values(old.packages, new.packages),
        config=tuple(config_changes(old.config, new.config)),
        environment=values(old.environment, new.environment),
    )


def _only(here: dict[str, FoundProblem], there: dict[str, FoundProblem]) -> tuple[FoundProblem, ...]:
    return tuple(each for name, each in here.items() if name not in there)
