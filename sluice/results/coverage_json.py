"""The JSON report of coverage.py (`coverage json`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sluice.results.coverage_rows import CoverageWriter, FileCoverage
from sluice.results.json_reader import read_json
from sluice.results.problems import ReportError, shown


def read_coverage_json(path: Path, writer: CoverageWriter) -> None:
    """Read the report; ReportError `COVERAGE_FORMAT`, `COVERAGE_RANGE` or a code of the JSON reader."""
    document = read_json(path, "the JSON of coverage.py")
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, dict):
        raise ReportError("COVERAGE_FORMAT", "JSON without the object `files` of coverage.py")
    for name, entry in files.items():
        writer.add(_file(str(name), entry))


def _file(name: str, entry: Any) -> FileCoverage:
    summary = entry.get("summary") if isinstance(entry, dict) else None
    if not isinstance(summary, dict):
        raise ReportError("COVERAGE_FORMAT", f"file {shown(name)} has no summary")
    valid = _number(summary, "num_statements", name)
    covered = _number(summary, "covered_lines", name)
    branches = _number(summary, "num_branches", name) if "num_branches" in summary else 0
    taken = _number(summary, "covered_branches", name) if "covered_branches" in summary else 0
    if covered > valid or taken > branches:
        raise ReportError("COVERAGE_RANGE", f"file {shown(name)} covers more than it has")
    missing, reached = _lines(entry.get("missing_lines")), _lines(entry.get("executed_lines"))
    return FileCoverage(name, valid, covered, branches, taken, missing, reached)


def _lines(value: Any) -> list[int]:
    return [line for line in value if isinstance(line, int)] if isinstance(value, list) else []


def _number(summary: dict[str, Any], key: str, name: str) -> int:
    value = summary.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ReportError("COVERAGE_RANGE", f"{key} of {shown(name)} is {shown(str(value))}, not a count")
    return value
