"""From the rows of a run to its report."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from sluice.report import facts
from sluice.report.changed_lines import WrittenFile, change_coverage
from sluice.report.document import VERSION, Base, Findings, FoundProblem, OutputFacts, Report, Tests
from sluice.report.lineage import tree
from sluice.report.words import uncoloured
from sluice.states import StageName, StageState
from sluice.store.engine import reading
from sluice.store.lineage import lineage
from sluice.store.logs import LogStore
from sluice.store.read import Reader
from sluice.store.report_rows import ReportRows
from sluice.store.views import RunView, StageView

LOG_LINES = 30
MOST_ATTACHMENTS = 200
MOST_OUTPUTS = 50
RED = (StageState.FAILED, StageState.REJECTED, StageState.ERRORED, StageState.LOST)


def collect(reader: Reader, run: RunView) -> Report:
    """Return the report of a run, out of Postgres alone: it is the same on every machine."""
    log = tuple(uncoloured(line) for line in LogStore(reader.engine).tail(run.id, StageName.TEST, LOG_LINES))
    with reading(reader.engine) as connection:
        rows = ReportRows(connection, run.id)
        records = rows.records()
        config = rows.config()
        tests = _tests(rows, run, records, config or {}, log)
        findings = _findings(connection, rows, run, records)
        canary = rows.canary()
    build, deploy = records.get(StageName.BUILD), records.get(StageName.DEPLOY)
    smoke, back = records.get(StageName.SMOKE), records.get(StageName.ROLLBACK)
    moved = (facts.release(build).digest if build else None) or (_digest(back) if back else None)
    today = (run.started_at or datetime.now(UTC)).date()
    return Report(
        version=VERSION,
        run=run,
        tests=tests,
        findings=findings,
        release=facts.release(build) if build else None,
        deployment=facts.deployment(deploy, canary) if deploy else None,
        smoke=facts.answers(smoke) if smoke else (),
        rollback=facts.rollback(back) if back else None,
        waivers=facts.waivers(config, today),
        lineage=tree(*lineage(reader.engine, moved, run.project)) if moved else (),
    )


def _digest(back: dict[str, Any]) -> str | None:
    return (back.get("release") or {}).get("digest")


def _stage(run: RunView, name: StageName) -> StageView | None:
    return next((stage for stage in run.stages if stage.stage == name), None)


def _tests(
    rows: ReportRows, run: RunView, records: dict[str, Any], config: dict[str, Any], log: tuple[str, ...]
) -> Tests | None:
    stage, record = _stage(run, StageName.TEST), records.get(StageName.TEST)
    if stage is None or (record is None and stage.state not in RED):
        return None
    made = facts.executions(record or {})
    written = [WrittenFile(*row) for row in rows.written()]
    return Tests(
        executions=made,
        failed=stage.failures,
        failed_total=sum(each.failed for each in made),
        log=log if stage.state in RED else (),
        change=change_coverage(written, rows.coverage([each.cell for each in made])),
        attachments=tuple(islice(facts.attachments(record or {}), MOST_ATTACHMENTS)),
        output=tuple(OutputFacts(*row) for row in rows.output([each.cell for each in made], MOST_OUTPUTS)),
        change_gate=((config.get("test") or {}).get("coverage") or {}).get("changed_lines"),
    )


def _findings(connection: Connection, rows: ReportRows, run: RunView, records: dict[str, Any]) -> Findings | None:
    stage = _stage(run, StageName.SCAN)
    if stage is None or StageName.SCAN not in records or stage.state is StageState.REJECTED:
        return None
    found = problems(rows)
    branch = (records.get(StageName.CHECKOUT) or {}).get("default_branch", "")
    told = rows.base(branch) if branch else None
    if told is None:
        return Findings(None, (), found, ())
    before = problems(ReportRows(connection, told["run_id"]))
    known, still = {each.fingerprint for each in before}, {each.fingerprint for each in found}
    return Findings(
        base=Base(**told),
        new=tuple(each for each in found if each.fingerprint not in known),
        old=tuple(each for each in found if each.fingerprint in known),
        gone=tuple(each for each in before if each.fingerprint not in still),
    )


def problems(rows: ReportRows) -> tuple[FoundProblem, ...]:
    """Return the findings of a run's accepted scan, the worst first."""
    return tuple(FoundProblem(**{**row, "tools": tuple(row["tools"])}) for row in rows.findings())
