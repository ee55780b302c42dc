"""JaCoCo XML: lines with missed and covered instructions and branches."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sluice.results.coverage_rows import CoverageWriter, FileCoverage
from sluice.results.problems import ReportError, shown

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
MAX_LINES = 20_000_000


@dataclass
class _File:
    covered: dict[int, bool] = field(default_factory=dict)
    branches: dict[int, tuple[int, int]] = field(default_factory=dict)  # covered, valid


class JacocoHandler:
    """Collects the lines of `<sourcefile>`, whose folder is the `<package>`."""

    def __init__(self) -> None:
        self.files: dict[str, _File] = {}
        self._package = ""
        self._current: _File | None = None
        self._lines = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if tag == "package":
            self._package = attributes.get("name", "").strip("/")
        elif tag == "sourcefile":
            name = attributes.get("name", "")
            path = f"{self._package}/{name}" if self._package else name
            self._current = self.files.setdefault(path, _File())
        elif tag == "line" and self._current is not None:
            self._line(self._current, attributes)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if tag == "sourcefile":
            self._current = None

    def text(self, data: str) -> None:
        """Take text; there is none that counts."""

    def _line(self, file: _File, attributes: dict[str, str]) -> None:
        at = _number(attributes, "nr")
        missed, hit, branches_missed, branches_hit = (_number(attributes, name) for name in ("mi", "ci", "mb", "cb"))
        self._lines += 1
        if self._lines > MAX_LINES:
            raise ReportError("COVERAGE_LIMIT", f"more than {MAX_LINES} lines")
        if missed or hit:
            file.covered[at] = file.covered.get(at, False) or hit > 0
        if branches_missed or branches_hit:
            found = (branches_hit, branches_missed + branches_hit)
            file.branches[at] = max(file.branches.get(at, (0, 0)), found)

    def finish(self, writer: CoverageWriter) -> None:
        """Write one row a file."""
        for path, file in self.files.items():
            missing = [line for line, covered in file.covered.items() if not covered]
            writer.add(
                FileCoverage(
                    path=path,
                    lines_valid=len(file.covered),
                    lines_covered=len(file.covered) - len(missing),
                    branches_valid=sum(valid for _, valid in file.branches.values()),
                    branches_covered=sum(covered for covered, _ in file.branches.values()),
                    missing=missing,
                    covered=[line for line, covered in file.covered.items() if covered],
                )
            )


def _number(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "0" if name in ("mb", "cb") else "")
    if not _NUMBER.fullmatch(text):
        raise ReportError("COVERAGE_RANGE", f"a line with {name} {shown(text)}")
    return int(text)
