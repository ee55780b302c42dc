"""Cobertura XML, as coverage.py, Istanbul, gcovr and others write it: counts come from the lines."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from sluice.results.coverage_rows import CoverageWriter, FileCoverage
from sluice.results.problems import ReportError, shown

_CONDITIONS = re.compile(r"\d{1,3}(?:\.\d+)?% ?\((\d{1,6})/(\d{1,6})\)", re.ASCII)
_LINE = re.compile(r"\d{1,9}", re.ASCII)
_HITS = re.compile(r"\d{1,18}", re.ASCII)
MAX_LINES = 20_000_000


@dataclass
class _File:
    hits: dict[int, int] = field(default_factory=dict)
    conditions: dict[int, tuple[int, int]] = field(default_factory=dict)


class CoberturaHandler:
    """Collects lines by file name: several classes may stand for one file."""

    def __init__(self) -> None:
        self.files: dict[str, _File] = {}
        self.sources: list[str] = []
        self._current: _File | None = None
        self._open = 0
        self._in_method = 0
        self._source: list[str] | None = None
        self._lines = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if self._open == 0:
            self._root(attributes)
        self._open += 1
        if tag == "class":
            self._current = self.files.setdefault(attributes.get("filename", ""), _File())
        elif tag == "method":
            self._in_method += 1  # its lines stand in the class again
        elif tag == "line" and self._current is not None and not self._in_method:
            self._line(self._current, attributes)
        elif tag == "source":
            self._source = []

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        self._open -= 1
        if tag == "class":
            self._current = None
        elif tag == "method":
            self._in_method -= 1
        elif tag == "source" and self._source is not None:
            self.sources.append("".join(self._source).strip()[:4000])
            self._source = None

    def text(self, data: str) -> None:
        """Take text; kept only inside `<source>`."""
        if self._source is not None:
            self._source.append(data)

    def _root(self, attributes: dict[str, str]) -> None:
        _rate("line-rate", attributes.get("line-rate", ""))
        if "branch-rate" in attributes:
            _rate("branch-rate", attributes["branch-rate"])

    def _line(self, file: _File, attributes: dict[str, str]) -> None:
        number, hits = attributes.get("number", ""), attributes.get("hits", "")
        if not _LINE.fullmatch(number) or not _HITS.fullmatch(hits):
            raise ReportError("COVERAGE_RANGE", f"a line with number {shown(number)} and hits {shown(hits)}")
        self._lines += 1
        if self._lines > MAX_LINES:
            raise ReportError("COVERAGE_LIMIT", f"more than {MAX_LINES} lines")
        at = int(number)
        file.hits[at] = max(file.hits.get(at, 0), int(hits))
        found = _CONDITIONS.search(attributes.get("condition-coverage", ""))
        if attributes.get("branch") == "true" and found:
            covered, valid = int(found[1]), int(found[2])
            if covered > valid:
                raise ReportError("COVERAGE_RANGE", f"condition-coverage {shown(found[0])}")
            file.conditions[at] = max(file.conditions.get(at, (0, 0)), (covered, valid))

    def finish(self, writer: CoverageWriter) -> None:
        """Write one row a file."""
        for name, file in self.files.items():
            missing = [line for line, hits in file.hits.items() if hits == 0]
            writer.add(
                FileCoverage(
                    path=_under_source(name, self.sources),
                    lines_valid=len(file.hits),
                    lines_covered=len(file.hits) - len(missing),
                    branches_valid=sum(valid for _, valid in file.conditions.values()),
                    branches_covered=sum(covered for covered, _ in file.conditions.values()),
                    missing=missing,
                    covered=[line for line, hits in file.hits.items() if hits],
                )
            )


def _rate(name: str, text: str) -> None:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise ReportError("COVERAGE_RANGE", f"{name} {shown(text)} not in 0..1")


def _under_source(name: str, sources: list[str]) -> str:
    """Return the name below the report's only source directory; as it is when there are several."""
    if len(sources) != 1 or not sources[0] or name.startswith("/"):
        return name
    return f"{sources[0].rstrip('/')}/{name}"
