"""Figures of accepted, green stages: the history of a branch, and its baselines, kept up as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from sluice.records.build import BuildRecord
from sluice.records.common import StageRecord
from sluice.records.deploy import DeployRecord, RollbackRecord
from sluice.records.history import ANY_BRANCH
from sluice.records.scan import ScanRecord
from sluice.records.smoke import SmokeRecord
from sluice.records.testing import TestExecution, TestRecord
from sluice.store.ingest.place import Place
from sluice.store.tables.figures import PerformanceMetric, PerformanceRun

Figure = tuple[str, float | None, str]
WINDOW = 30  # accepted runs that say what is usual

# Each baseline row holds its window of values: it moves with one statement, whoever else writes at the same time.
MOVE = """
INSERT INTO baselines AS b
    (project_id, branch, metric, samples, recent, median, mad, lowest, highest, latest, stage_run_id)
VALUES (:project_id, :branch, :metric, 1, ARRAY[CAST(:value AS double precision)], :value, 0, :value, :value, :value,
        CAST(:stage_run_id AS uuid))
ON CONFLICT (project_id, branch, metric) DO UPDATE
SET (samples, recent, median, mad, lowest, highest, latest, stage_run_id, updated_at) = (
    SELECT b.samples + 1, w.recent, s.median,
           (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(v - s.median)) FROM unnest(w.recent) v),
           s.lowest, s.highest, excluded.latest, excluded.stage_run_id, clock_timestamp()
    FROM (SELECT b.recent || excluded.latest AS all_of_them) a,
         LATERAL (SELECT a.all_of_them[greatest(1, cardinality(a.all_of_them) - :window + 1):] AS recent) w,
         LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS median, min(v) AS lowest, max(v) AS highest
                  FROM unnest(w.recent) v) s
)
"""


def write_figures(place: Place, record: StageRecord) -> None:
    """Write the figures of a green stage and move the baselines of its branch. Only what was measured."""
    if isinstance(record, TestRecord) and record.in_part:
        return  # the time of a few tests is no measure of the stage
    figures = {name: (float(value), unit) for name, value, unit in figures_of(record) if value is not None}
    mine = {"stage_run_id": place.stage_run_id, "project_id": place.project_id, "branch": place.branch}
    place.connection.execute(insert(PerformanceRun).values(**mine, stage=place.stage.value))
    place.copy_dicts(
        PerformanceMetric,
        [
            {"stage_run_id": place.stage_run_id, "metric": name, "value": value, "unit": unit}
            for name, (value, unit) in sorted(figures.items())
        ],
    )
    moved = [
        mine | {"branch": branch, "metric": name, "value": value, "window": WINDOW}
        for name, (value, _) in sorted(figures.items())
        for branch in (place.branch, *((ANY_BRANCH,) if _is_of_environment(record, name) else ()))
    ]
    place.connection.execute(text(MOVE), moved)


def _is_of_environment(record: StageRecord, metric: str) -> bool:
    """Tell whether a figure is of an environment: what serves there comes from one branch, or from many tags."""
    if not isinstance(record, DeployRecord | SmokeRecord | RollbackRecord):
        return False
    return metric.startswith(f"{record.STAGE}.{record.environment}.")


def figures_of(record: StageRecord) -> Iterator[Figure]:
    """Yield name, value and unit of a record's figures; None where nothing was measured."""
    yield (f"{record.STAGE}.seconds", max(0.0, (record.ended_at - record.started_at).total_seconds()), "seconds")
    match record:
        case TestRecord():
            yield from _test(record)
        case BuildRecord():
            yield ("build.size", record.size, "bytes")
            yield ("build.files", record.file_count, "count")
            yield ("build.inspected_files", record.inspected_files or None, "count")
            yield ("build.lock_packages", record.lock_packages, "count")
        case ScanRecord():
            yield ("scan.packages", len(record.packages), "count")
            yield ("scan.findings", record.findings_total, "count")
        case SmokeRecord():
            yield from _smoke(record)
        case DeployRecord():
            yield (f"deploy.{record.environment}.replicas", len(record.replicas), "count")
        case RollbackRecord():
            yield (f"rollback.{record.environment}.seconds_to_restore", record.seconds_to_restore, "seconds")


def _test(record: TestRecord) -> Iterator[Figure]:
    executions = record.executions
    yield ("test.total", record.total, "count")
    yield ("test.skipped", sum(each.skipped for each in executions), "count")
    for series, of_it in _series(executions).items():
        yield (f"test.{series}.total", sum(each.total for each in of_it), "count")
        yield (f"test.{series}.skipped", sum(each.skipped for each in of_it), "count")
        alone = of_it[0].coverage if len(of_it) == 1 else None  # a shard's coverage is a part of its cell's
        yield (f"test.{series}.line_rate", alone.line_rate if alone else None, "ratio")
    yield ("test.case_seconds", sum(each.case_seconds for each in executions), "seconds")
    yield ("test.cpu_seconds", sum(each.cpu_seconds for each in executions), "seconds")
    yield ("test.peak_memory", max((each.peak_memory_bytes for each in executions), default=None), "bytes")
    covered = [each.coverage for each in executions if each.coverage and each.coverage.lines_valid]
    valid = sum(each.lines_valid for each in covered)
    yield ("test.line_rate", sum(each.lines_covered for each in covered) / valid if valid else None, "ratio")


def _series(executions: Iterable[TestExecution]) -> dict[str, list[TestExecution]]:
    found: dict[str, list[TestExecution]] = {}
    for each in executions:
        found.setdefault(each.series, []).append(each)
    return found


def _smoke(record: SmokeRecord) -> Iterator[Figure]:
    name, load = f"smoke.{record.environment}", record.load
    yield (f"{name}.checks", len(record.checks), "count")
    if load is not None:
        yield (f"{name}.requests", load.requests, "count")
        yield (f"{name}.rate", load.rate, "per_second")
        yield (f"{name}.error_rate", load.failed / load.requests if load.requests else None, "ratio")
        yield (f"{name}.p50", load.p50_seconds, "seconds")
        yield (f"{name}.p95", load.p95_seconds, "seconds")
        yield (f"{name}.p99", load.p99_seconds, "seconds")
