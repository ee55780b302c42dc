"""TRX, the report of `dotnet test` and VSTest: what its JUnit loggers lose (output, files, categories) is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from sluice.results.cases import CaseWriter, detail_text, message_text
from sluice.results.counters import Level
from sluice.results.junit import Document
from sluice.results.notes import Notes
from sluice.results.numbers import count
from sluice.results.problems import MAX_VALUE, ReportError, shown
from sluice.results.suite_output import SuiteOutput
from sluice.results.xml_reader import XmlReader

OUTCOMES = {
    "passed": "passed",
    "completed": "passed",
    "warning": "passed",
    "failed": "failed",
    "error": "error",
    "timeout": "error",
    "aborted": "error",
    "disconnected": "error",
    "passedbutrunaborted": "error",
    "inprogress": "error",
    "pending": "error",
    "notexecuted": "skipped",
    "inconclusive": "skipped",
    "notrunnable": "skipped",
}
BROKEN = {"aborted", "error", "timeout", "disconnected"}  # outcomes of a whole run that prove nothing
_DURATION = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,9})?)", re.ASCII)
_TEXTS = {"StdOut", "StdErr", "Message", "StackTrace"}
_STREAMS = {"StdOut": "stdout", "StdErr": "stderr"}


def duration(text: str | None) -> float | None:
    """Return the seconds of `[days.]hours:minutes:seconds`, None for anything else."""
    match = _DURATION.fullmatch(text or "")
    if match is None:
        return None
    return int(match[1] or 0) * 86400 + int(match[2]) * 3600 + int(match[3]) * 60 + float(match[4])


@dataclass
class Definition:
    """What `<TestDefinitions>`, which stands behind the results, says of a test."""

    classname: str = ""
    categories: list[str] = field(default_factory=list)


class DefinitionsHandler:
    """First pass: test id to definition."""

    def __init__(self) -> None:
        self.found: dict[str, Definition] = {}
        self._current = Definition()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if tag == "UnitTest":
            self._current = self.found.setdefault(attributes.get("id", ""), Definition())
        elif tag == "TestMethod":
            self._current.classname = attributes.get("className", "").partition(",")[0]
        elif tag == "TestCategoryItem":
            self._current.categories.append(attributes.get("TestCategory", "")[:200])

    def end(self, tag: str) -> None:
        """Take the end of an element."""

    def text(self, data: str) -> None:
        """Take text; there is none that counts."""


@dataclass
class _Result:
    attributes: dict[str, str]
    notes: Notes = field(default_factory=Notes)
    texts: dict[str, str] = field(default_factory=dict)
    has_rows: bool = False  # a data-driven test: its rows are the cases


class TrxHandler:
    """Second pass: results become cases; a test with data rows is its rows."""

    def __init__(self, writer: CaseWriter, definitions: dict[str, Definition]) -> None:
        self.document = Document()
        self._writer = writer
        self._definitions = definitions
        self._open: list[_Result] = []
        self._root = self._deployment = ""
        self._output: SuiteOutput | None = None
        self._text: list[str] | None = None
        self._size = 0
        self._level = Level()
        self._before = writer.tally.total

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if not self._root:
            self._root = tag
            if tag != "TestRun":
                raise ReportError("REPORT_FORMAT", f"root <{tag[:80]}>; <TestRun> of TRX was expected")
        if tag == "UnitTestResult":
            if self._open:
                self._open[-1].has_rows = True
            self._open.append(_Result(attributes))
        elif self._open:
            self._start_inside(tag, attributes)
        else:
            self._start_outside(tag, attributes)

    def _start_outside(self, tag: str, attributes: dict[str, str]) -> None:
        """Take what is about the whole run."""
        if tag == "Times":
            self.document.timestamp = attributes.get("creation", "")[:64]
        elif tag == "Counters":
            self._counters(attributes)
        elif tag == "Deployment":
            self._deployment = attributes.get("runDeploymentRoot", "")
        elif tag in _STREAMS:
            self._output = SuiteOutput("", _STREAMS[tag])
        elif tag == "ResultSummary" and attributes.get("outcome", "").lower() in BROKEN:
            raise ReportError("REPORT_INCOMPLETE", f"the runner says that its run ended {shown(attributes['outcome'])}")

    def _start_inside(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _TEXTS:
            self._text, self._size = [], 0
        elif tag == "ResultFile":
            result = self._open[-1]
            result.notes.attachments.append(attributes.get("path", "").replace("\\", "/")[:1000])
            # Where VSTest puts it, from the folder of the report.
            result.notes.folder = f"{self._deployment}/In/{result.attributes.get('relativeResultsDirectory', '')}"

    def text(self, data: str) -> None:
        """Take text; kept in output and error information."""
        if self._text is not None and self._size < MAX_VALUE:
            self._text.append(data)
            self._size += len(data)
        elif self._output is not None:
            self._output.add(data)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if tag in _TEXTS and self._text is not None:
            text, self._text = "".join(self._text), None
            result = self._open[-1]
            if tag in _STREAMS:
                result.notes.output(_STREAMS[tag], text)
            else:
                result.texts[tag] = text
        elif self._output is not None and tag in _STREAMS:
            self.document.outputs.add(self._output)
            self._output = None
        elif tag == "UnitTestResult":
            self._end_result(self._open.pop())
        elif tag == "TestRun":
            self._end_run()

    def _end_run(self) -> None:
        """Hold the counter against the results; some writers count data rows, and some their tests."""
        if self._level.declared["tests"] == self._writer.tally.total - self._before:
            self._level.declared["tests"] = self._level.direct["tests"]
        self.document.level.take(self._level)

    def _end_result(self, result: _Result) -> None:
        if not self._open:
            self._level.direct["tests"] += 1
        if result.has_rows:
            return
        get = result.attributes.get
        definition = self._definitions.get(get("testId", ""), Definition())
        result.notes.tags = definition.categories
        name = get("testName", "").removeprefix(f"{definition.classname}.")
        seconds = duration(get("duration"))
        if seconds is None and "duration" in result.attributes:
            self._writer.tally.invalid_durations += 1
        # An outcome that nobody knows is no pass.
        status = OUTCOMES.get(get("outcome", "").lower(), "error")
        message = "" if status == "passed" else result.texts.get("Message", "").strip() or get("outcome", "")
        detail = [result.texts.get("StackTrace", "")]
        if status in ("failed", "error"):
            detail += [f"--- {stream} ---\n{text}" for stream, text in result.notes.outputs.items()]
        self._writer.add(
            "",
            definition.classname,
            name,
            "",
            "",
            status,
            seconds,
            message_text(message),
            detail_text("\n".join(detail)),
            result.notes,
        )

    def _counters(self, attributes: dict[str, str]) -> None:
        """Take what the run counted. `notExecuted` is 0 whatever was skipped, and so is not held against it."""
        self._level.declared["tests"] = count(attributes.get("total"))
        self._level.declares = True


def read_trx(path: Path, writer: CaseWriter, *, repair: bool = False, **_more: object) -> Document:
    """Read one report into `writer`; return what the file says about itself.

    Raises:
        ReportError: the report cannot be believed; what was written until then does not count.
    """
    definitions = DefinitionsHandler()
    XmlReader(definitions, "TRX", repair=repair).read(path)
    handler = TrxHandler(writer, definitions.found)
    reader = XmlReader(handler, "TRX", repair=repair)
    reader.read(path)
    handler.document.repaired = reader.repaired
    return handler.document
