"""The rows of covered files: `coverage.csv`."""

from __future__ import annotations

import csv
import posixpath
import re
from dataclasses import dataclass
from typing import TextIO

from sluice.results.problems import ReportError
from sluice.test_paths import is_test_path

COLUMNS = (
    "path",
    "lines_valid",
    "lines_covered",
    "branches_valid",
    "branches_covered",
    "missing_lines",
    "covered_lines",
)
MAX_FILES = 200_000
MISSING_LIMIT = 20_000  # characters
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass
class FileCoverage:
    """One file: counts, and the numbers of the lines that no test reached and that some test reached."""

    path: str
    lines_valid: int
    lines_covered: int
    branches_valid: int
    branches_covered: int
    missing: list[int]
    covered: list[int]


@dataclass
class CoverageTotals:
    """Sums over the files; `dropped_paths` counts files outside the project, which are left out."""

    lines_valid: int = 0
    lines_covered: int = 0
    branches_valid: int = 0
    branches_covered: int = 0
    test_lines_valid: int = 0
    files: int = 0
    dropped_paths: int = 0


def project_path(path: str, root: str) -> str | None:
    """Return a report's path relative to the project as text, None when it points outside. Nothing is opened."""
    text = path.replace("\\", "/")
    root = root.rstrip("/")
    if root and text.startswith(root + "/"):
        text = text[len(root) + 1 :]
    if text.startswith("/") or _DRIVE.match(text) or "\0" in text:
        return None
    text = posixpath.normpath(text)
    return None if text in (".", "..") or text.startswith("../") else text[:2000]


def ranges(lines: list[int]) -> str:
    """Return line numbers as `3,7-9`."""
    parts: list[str] = []
    start = previous = None
    for line in sorted(set(lines)):
        if previous is not None and line == previous + 1:
            previous = line
            continue
        if start is not None:
            parts.append(str(start) if start == previous else f"{start}-{previous}")
        start = previous = line
    if start is not None:
        parts.append(str(start) if start == previous else f"{start}-{previous}")
    return ",".join(parts)[:MISSING_LIMIT]


class CoverageWriter:
    """Writes one row a file and sums up. `root`: the workspace, cut from absolute paths."""

    def __init__(self, file: TextIO, root: str = "") -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._write(COLUMNS)
        self._root = root
        self._totals = CoverageTotals()

    def add(self, found: FileCoverage) -> None:
        """Write one file's row; a file outside the project is counted, not written."""
        path = project_path(found.path, self._root)
        if path is None:
            self._totals.dropped_paths += 1
            return
        if self._totals.files >= MAX_FILES:
            raise ReportError("COVERAGE_LIMIT", f"more than {MAX_FILES} files")
        totals = self._totals
        totals.files += 1
        totals.lines_valid += found.lines_valid
        totals.test_lines_valid += found.lines_valid if is_test_path(path) else 0
        totals.lines_covered += found.lines_covered
        totals.branches_valid += found.branches_valid
        totals.branches_covered += found.branches_covered
        counts = (found.lines_valid, found.lines_covered, found.branches_valid, found.branches_covered)
        self._write((path, *counts, ranges(found.missing), ranges(found.covered)))

    def totals(self) -> CoverageTotals:
        """Return the sums of what was written."""
        return self._totals
