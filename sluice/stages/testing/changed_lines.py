"""Coverage of the lines that a change wrote, out of the coverage files of a test record."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from sluice.artifacts import ArtifactStore
from sluice.records.checkout import ChangedFile
from sluice.records.testing import ChangedLines, TestRecord
from sluice.report.changed_lines import WrittenFile, change_coverage

SHOWN_FILES = 20


def changed_lines(changed: Sequence[ChangedFile], record: TestRecord, artifacts: ArtifactStore) -> ChangedLines | None:
    """Hold the lines that the change wrote against the coverage of all executions; None without any coverage."""
    written = [WrittenFile(file.path, file.change, file.lines) for file in changed]
    found = change_coverage(written, _rows(record, {file.path for file in written}, artifacts))
    if found is None:
        return None
    missing = tuple(f"{file.path}: {file.missing}" for file in found.files if file.missing)
    return ChangedLines(valid=found.valid, covered=found.covered, missing=missing[:SHOWN_FILES])


def _rows(record: TestRecord, paths: set[str], artifacts: ArtifactStore) -> Iterator[tuple[str, str, str]]:
    """Yield the coverage of these files, and one row of any other: there is coverage, and it is of other files."""
    for execution in record.executions:
        if execution.coverage is None:
            continue
        yield "", "", ""
        with artifacts.open_path(execution.coverage.files).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["path"] in paths:
                    yield row["path"], row["missing_lines"], row["covered_lines"]
