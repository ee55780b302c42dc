"""Coverage of a change: of the lines that it wrote, those that are code, and which of them no test reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sluice.report.line_ranges import numbers, ranges


@dataclass(frozen=True)
class WrittenFile:
    """A file of the change. `lines`: what the change wrote, None when that is not known."""

    path: str
    change: str
    lines: str | None


@dataclass(frozen=True)
class CoveredFile:
    """Coverage of one file of the change; `missing` names the written lines that no test reached."""

    path: str
    valid: int
    covered: int
    missing: str


@dataclass(frozen=True)
class ChangeCoverage:
    """Coverage of the change. `unmeasured`: files that coverage says nothing about, documents and tests among them."""

    valid: int
    covered: int
    files: tuple[CoveredFile, ...]
    unmeasured: tuple[str, ...]

    @property
    def rate(self) -> float | None:
        """Return covered / valid written lines; None when the change wrote no line that can be covered."""
        return self.covered / self.valid if self.valid else None


def change_coverage(written: Iterable[WrittenFile], coverage: Iterable[tuple[str, str, str]]) -> ChangeCoverage | None:
    """Hold the written lines against coverage rows (path, missing lines, covered lines), any number a file.

    A line is covered when any execution reached it. None: there is no coverage at all.
    """
    missing: dict[str, set[int]] = {}
    covered: dict[str, set[int]] = {}
    for path, missed, reached in coverage:
        missing.setdefault(path, set()).update(numbers(missed))
        covered.setdefault(path, set()).update(numbers(reached))
    if not missing:
        return None
    files, unmeasured = [], []
    for file in written:
        if file.change == "D":
            continue
        if file.lines is None or file.path not in missing:
            unmeasured.append(file.path)
            continue
        lines = numbers(file.lines)
        good = lines & covered[file.path]
        bad = lines & (missing[file.path] - covered[file.path])
        if good or bad:
            files.append(CoveredFile(file.path, len(good) + len(bad), len(good), ranges(bad)))
    files.sort(key=lambda file: (file.covered - file.valid, file.path))
    return ChangeCoverage(
        sum(file.valid for file in files), sum(file.covered for file in files), tuple(files), tuple(unmeasured)
    )
