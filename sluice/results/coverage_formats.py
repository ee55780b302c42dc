"""Which coverage format a file has, by its first characters."""

from __future__ import annotations

import codecs
from pathlib import Path

from sluice.results.coverage_json import read_coverage_json
from sluice.results.coverage_rows import CoverageWriter
from sluice.results.coverage_xml import read_coverage_xml
from sluice.results.lcov import read_lcov
from sluice.results.problems import ReportError, shown

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\0", b"\0<")
_JSON = (b"{", b"[", b"\0{", codecs.BOM_UTF16_LE + b"{", codecs.BOM_UTF16_BE + b"\0{")
EXPECTED = "Cobertura XML, JaCoCo XML, coverage.py JSON or LCOV was expected"


def read_coverage(path: Path, writer: CoverageWriter) -> None:
    """Read Cobertura XML, JaCoCo XML, coverage.py JSON or LCOV into `writer`.

    Raises:
        ReportError: `COVERAGE_EMPTY`, `COVERAGE_FORMAT`, `COVERAGE_RANGE`, `LCOV_LINE` or a code of the XML reader.
    """
    with path.open("rb") as file:
        head = file.read(4096).removeprefix(codecs.BOM_UTF8).lstrip()
    if not head:
        raise ReportError("COVERAGE_EMPTY", "the file is empty")
    if head.startswith(_JSON):
        read_coverage_json(path, writer)
    elif head.startswith(b"<") or head[:2] in _UTF16:
        read_coverage_xml(path, writer)
    elif head.startswith((b"TN:", b"SF:")):
        read_lcov(path, writer)
    else:
        raise ReportError("COVERAGE_FORMAT", f"starts with {shown(head[:20])}; {EXPECTED}")
