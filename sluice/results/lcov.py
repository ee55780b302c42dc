"""LCOV tracefiles (`SF:`, `DA:`, `BRDA:` … `end_of_record`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from sluice.results.coverage_rows import CoverageWriter, FileCoverage
from sluice.results.problems import ReportError, shown

_DA = re.compile(r"(\d{1,9}),(\d{1,18})(?:,\S*)?", re.ASCII)
_BRDA = re.compile(r"(\d{1,9}),([^,]*),(.*),(-|\d{1,18})", re.ASCII)
LINE_LIMIT = 100_000  # characters


@dataclass
class _Record:
    path: str
    hits: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[str, str, str], bool] = field(default_factory=dict)

    def file(self) -> FileCoverage:
        missing = [line for line, hits in self.hits.items() if hits == 0]
        return FileCoverage(
            path=self.path,
            lines_valid=len(self.hits),
            lines_covered=len(self.hits) - len(missing),
            branches_valid=len(self.branches),
            branches_covered=sum(self.branches.values()),
            missing=missing,
            covered=[line for line, hits in self.hits.items() if hits],
        )


def read_lcov(path: Path, writer: CoverageWriter) -> None:
    """Read a tracefile; ReportError `LCOV_LINE n` for a line that cannot be read or a record that is cut."""
    record: _Record | None = None
    number = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        while line := file.readline(LINE_LIMIT):
            number += 1
            key, _, value = line.strip().partition(":")
            if key == "SF":
                record = _open(record, value, number)
            elif key == "end_of_record":
                writer.add(_known(record, number).file())
                record = None
            elif key == "DA":
                _line(_known(record, number), value, number)
            elif key == "BRDA":
                _branch(_known(record, number), value, number)
    if record is not None:
        raise ReportError("LCOV_LINE", f"line {number}: the record of {shown(record.path)} has no end_of_record")


def _open(record: _Record | None, path: str, number: int) -> _Record:
    if record is not None:
        raise ReportError("LCOV_LINE", f"line {number}: SF before the end_of_record of {shown(record.path)}")
    return _Record(path)


def _known(record: _Record | None, number: int) -> _Record:
    if record is None:
        raise ReportError("LCOV_LINE", f"line {number}: no SF before it")
    return record


def _line(record: _Record, value: str, number: int) -> None:
    match = _DA.fullmatch(value)
    if match is None:
        raise ReportError("LCOV_LINE", f"line {number}: DA needs line,hits; found {shown(value)}")
    at = int(match[1])
    record.hits[at] = record.hits.get(at, 0) + int(match[2])


def _branch(record: _Record, value: str, number: int) -> None:
    match = _BRDA.fullmatch(value)
    if match is None:
        raise ReportError("LCOV_LINE", f"line {number}: BRDA needs line,block,branch,taken; found {shown(value)}")
    key = (match[1], match[2], match[3])
    record.branches[key] = record.branches.get(key, False) or match[4] not in ("-", "0")
