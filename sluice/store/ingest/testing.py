"""Rows of the test stage: executions, their cases and their coverage, loaded from the stage's CSV files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sluice.artifacts import ArtifactCorruptError, sha256_file
from sluice.errors import ContractRejectedError
from sluice.records.common import ArtifactRef
from sluice.records.testing import TestExecution, TestRecord
from sluice.results.cases import COLUMNS as CASE_COLUMNS
from sluice.results.coverage_rows import COLUMNS as COVERAGE_COLUMNS
from sluice.results.identity import key_of_test, stored_id
from sluice.results.problems import MAX_CASES
from sluice.store.ingest import known_tests
from sluice.store.ingest.place import Place
from sluice.store.tables import testing as tables

RESULT_COLUMNS = (
    "execution_id",
    "ordinal",
    "start_time",
    "test_id",
    "suite",
    "file",
    "line",
    "status",
    "duration",
    "message",
    "detail",
    "test_key",
    "occurrence",
    "notes",
)


class RowsMissingError(ContractRejectedError):
    """The file of the cases does not hold what the record counts."""

    code = "ROWS_MISSING"
    next_step = "Run again with --fresh; if it comes back, this is a bug in Sluice: please report it."


def write(place: Place, record: TestRecord) -> None:
    """Write the executions that this run made; those of a reused cell stand where they were made."""
    for ordinal, execution in enumerate(record.executions, start=1):
        execution_id = str(uuid5(NAMESPACE_OID, f"{place.stage_run_id}/{ordinal}"))
        place.copy_dicts(tables.TestExecution, [_row(place, execution, execution_id, ordinal)])
        if execution.cases is not None:
            _copy_cases(place, execution, execution.cases, execution_id)
        _write_attachments(place, execution, execution_id)
        if execution.suite_output is not None:
            _write_output(place, execution.suite_output, execution_id)
        if execution.coverage is not None:
            rows = _read(place, execution.coverage.files, COVERAGE_COLUMNS)
            place.copy(tables.CoverageFile, ("execution_id", *COVERAGE_COLUMNS), ((execution_id, *row) for row in rows))


def status_of(execution: TestExecution) -> str:
    """Return the status of an execution; a limit or a signal that ended it comes before what the report says."""
    if execution.timed_out:
        return "timed_out"
    if execution.out_of_memory or execution.signal is not None:
        return "killed"
    if execution.report_problem is not None:
        return "broken"
    if execution.total == 0:
        return "empty"
    return "failed" if execution.red or execution.exit_code else "passed"


def _row(place: Place, execution: TestExecution, execution_id: str, ordinal: int) -> dict[str, Any]:
    cell = execution.cell
    return {
        "id": execution_id,
        "project_id": place.project_id,
        "stage_run_id": place.stage_run_id,
        "ordinal": ordinal,
        "framework_name": execution.framework,
        "framework_version": execution.framework_version,
        "cell": cell.label,
        "python": cell.python,
        "shard": cell.shard,
        "shards": cell.shards,
        "variables": dict(cell.env),
        "environment": dict(execution.environment),
        "properties": dict(execution.properties),
        "command": list(execution.command),
        "status": status_of(execution),
        "exit_code": execution.exit_code,
        "signal": execution.signal,
        "start_time": execution.started_at,
        "end_time": execution.ended_at,
        "execution_time": execution.wall_seconds,
        "case_seconds": execution.case_seconds,
        "cpu_seconds": execution.cpu_seconds,
        "peak_memory_bytes": execution.peak_memory_bytes,
        **_counts(execution),
    }


def _counts(execution: TestExecution) -> dict[str, Any]:
    files = {"report": execution.report, "cases": execution.cases, "log": execution.log}
    covered = ("lines_valid", "lines_covered", "branches_valid", "branches_covered")
    return {
        "total_tests": execution.total,
        "passed_tests": execution.passed,
        "failed_tests": execution.failed,
        "error_tests": execution.errors,
        "skipped_tests": execution.skipped,
        "xfailed_tests": execution.xfailed,
        "xpassed_tests": execution.xpassed,
        "flaky_tests": execution.flaky,
        "collected_tests": execution.collected,
        **{name: getattr(execution.coverage, name, None) for name in covered},
        **{f"{name}_sha256": ref.sha256 if ref else None for name, ref in files.items()},
    }


def _copy_cases(place: Place, execution: TestExecution, cases: ArtifactRef, execution_id: str) -> None:
    started, project = execution.started_at.isoformat(), place.project_id
    rows = (
        (
            execution_id,
            ordinal,
            started,
            stored_id(classname, name),
            suite,
            file or None,
            line or None,
            status,
            seconds or None,
            message,
            detail,
            key_of_test(project, suite, file, classname, name, occurrence),
            occurrence,
            notes or None,
        )
        for ordinal, suite, classname, name, file, line, status, seconds, message, detail, occurrence, notes in _read(
            place, cases, CASE_COLUMNS
        )
    )
    loaded = place.copy(tables.TestResult, RESULT_COLUMNS, rows)
    if loaded != min(execution.total, MAX_CASES):
        raise RowsMissingError(
            f"{cases.name} does not hold the cases of the report", found=f"{loaded} rows", allowed=str(execution.total)
        )
    known_tests.keep(place, execution_id, execution.started_at, lambda: _read(place, cases, CASE_COLUMNS))


def _write_attachments(place: Place, execution: TestExecution, execution_id: str) -> None:
    place.copy_dicts(
        tables.TestAttachment,
        [
            {
                "execution_id": execution_id,
                "ordinal": ordinal,
                "test_id": stored_id("", each.test),
                "case_ordinal": each.ordinal or None,
                "path": each.path,
                "media_type": each.file.media_type if each.file else None,
                "size": each.file.size if each.file else None,
                "sha256": each.file.sha256 if each.file else None,
                "problem": each.problem,
            }
            for ordinal, each in enumerate(execution.attachments, start=1)
        ],
    )


def _write_output(place: Place, ref: ArtifactRef, execution_id: str) -> None:
    told = [json.loads(line) for line in place.artifacts.read(ref).decode().splitlines()]
    place.copy_dicts(
        tables.SuiteOutput,
        [
            {
                "execution_id": execution_id,
                "ordinal": ordinal,
                "suite": each["suite"],
                "stream": each["stream"],
                "characters": each["characters"],
                "output": each["text"],
            }
            for ordinal, each in enumerate(told, start=1)
        ],
    )


def _read(place: Place, ref: ArtifactRef, columns: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield the rows of a CSV artifact whose bytes are what its name says."""
    path: Path = place.artifacts.open_path(ref)
    found = sha256_file(path)
    if found != ref.sha256:
        raise ArtifactCorruptError(f"artifact {ref.name} has other bytes", found=found, allowed=ref.sha256)
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(line.replace("\0", "\ufffd") for line in file)
        head = tuple(next(rows, ()))
        if head != columns:
            raise RowsMissingError(f"{ref.name} has other columns", found=",".join(head), allowed=",".join(columns))
        yield from rows
