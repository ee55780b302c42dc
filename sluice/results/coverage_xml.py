"""Coverage in XML: the root element tells Cobertura from JaCoCo."""

from __future__ import annotations

from pathlib import Path

from sluice.results.cobertura import CoberturaHandler
from sluice.results.coverage_rows import CoverageWriter
from sluice.results.jacoco import JacocoHandler
from sluice.results.problems import ReportError
from sluice.results.xml_reader import XmlReader

EXPECTED = "<coverage> of Cobertura or <report> of JaCoCo was expected"
_CLOVER = {"clover", "generated"}  # attributes of its root, which is called as Cobertura's is


class CoverageHandler:
    """Hands a document to the handler of its format."""

    def __init__(self) -> None:
        self._inner: CoberturaHandler | JacocoHandler | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element; the first one decides."""
        if self._inner is None:
            self._inner = _handler(tag, attributes)
        self._inner.start(tag, attributes)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        assert self._inner is not None  # nothing ends before it began
        self._inner.end(tag)

    def text(self, data: str) -> None:
        """Take text."""
        if self._inner is not None:
            self._inner.text(data)

    def finish(self, writer: CoverageWriter) -> None:
        """Write one row a file."""
        assert self._inner is not None  # a document without a root is not well-formed
        self._inner.finish(writer)


def read_coverage_xml(path: Path, writer: CoverageWriter) -> None:
    """Read the report; counts come from the lines, rates are only checked.

    Raises:
        ReportError: `COVERAGE_FORMAT`, `COVERAGE_RANGE`, or a code of the XML reader.
    """
    handler = CoverageHandler()
    XmlReader(handler, "Cobertura or JaCoCo XML").read(path)
    handler.finish(writer)


def _handler(tag: str, attributes: dict[str, str]) -> CoberturaHandler | JacocoHandler:
    if tag == "report":
        return JacocoHandler()
    if tag != "coverage":
        raise ReportError("COVERAGE_FORMAT", f"root <{tag[:80]}>; {EXPECTED}")
    if "line-rate" not in attributes and _CLOVER & attributes.keys():
        raise ReportError("COVERAGE_FORMAT", f"root <coverage> looks like Clover; {EXPECTED}")
    return CoberturaHandler()
