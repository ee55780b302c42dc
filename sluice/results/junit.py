"""JUnit XML as pytest, unittest, behave, Robot Framework, Surefire, Jest, node and others write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sluice.results.cases import CaseWriter, case_id, detail_text, message_text
from sluice.results.counters import Level
from sluice.results.numbers import seconds
from sluice.results.problems import MAX_VALUE, ReportError, shown
from sluice.results.xml_reader import XmlReader

OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}
RETRIED = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
OUTPUTS = {"system-out": "stdout", "system-err": "stderr"}
OTHER_FORMATS = {
    "TestRun": "TRX",
    "test-run": "NUnit 3",
    "test-results": "NUnit 2",
    "assemblies": "xUnit.net",
    "coverage": "Cobertura coverage",
    "testExecutions": "SonarQube",
    "robot": "Robot Framework output.xml",
    "html": "HTML",
}
_WORST = {"error": 3, "failed": 2, "skipped": 1, "passed": 0}
_NOT_RUN = {"notrun", "skipped", "disabled", "untested"}


@dataclass
class Document:
    """What one report file says about itself."""

    level: Level = field(default_factory=Level)
    properties: dict[str, str] = field(default_factory=dict)
    timestamp: str = ""
    repaired: int = 0


class JUnitHandler:
    """Turns elements into cases. `merge_repeats`: a test that failed and then broke in teardown is one test."""

    def __init__(self, writer: CaseWriter, *, merge_repeats: bool = False) -> None:
        self.document = Document()
        self._writer = writer
        self._merge = merge_repeats
        self._levels: list[Level] = []
        self._names: list[str] = []
        self._suite = ""
        self._case: dict[str, str] | None = None
        self._status = "passed"
        self._message = ""
        self._kind = ""
        self._flaky = False
        self._todo = False
        self._detail: list[str] = []
        self._output: list[str] = []
        self._parts: list[str] | None = None
        self._size = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if tag == "testcase" and self._levels:
            self._case = attributes
            self._status = "passed"
            self._levels[-1].direct["tests"] += 1
        elif self._case is not None:
            self._start_inside(tag, attributes)
        elif tag in ("testsuite", "testsuites"):
            self._start_suite(tag, attributes)
        elif not self._levels:
            raise _wrong_root(tag)
        elif tag == "property" and len(self.document.properties) < 200:
            self.document.properties.setdefault(attributes.get("name", "")[:200], attributes.get("value", "")[:500])

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if tag == "testcase" and self._case is not None:
            self._end_case(self._case)
            self._case = None
        elif self._parts is not None:
            self._end_text(tag)
        elif tag in ("testsuite", "testsuites") and self._case is None:
            self._end_suite()

    def text(self, data: str) -> None:
        """Take text; kept only inside a case's outcome or output."""
        if self._parts is not None and self._size < MAX_VALUE:
            self._parts.append(data)
            self._size += len(data)

    def _start_suite(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._levels and "xmlns" in attributes:
            raise ReportError("REPORT_FORMAT", f"root <{tag}> is in the namespace {shown(attributes['xmlns'])}")
        self._levels.append(Level.declared_by(attributes))
        self._names.append(attributes.get("name", "") if tag == "testsuite" else "")
        self._suite = " > ".join(filter(None, self._names))
        self.document.timestamp = self.document.timestamp or attributes.get("timestamp", "")[:64]

    def _end_suite(self) -> None:
        self._names.pop()
        self._suite = " > ".join(filter(None, self._names))
        level = self._levels.pop()
        (self._levels[-1] if self._levels else self.document.level).take(level)

    def _start_inside(self, tag: str, attributes: dict[str, str]) -> None:
        outcome = OUTCOMES.get(tag)
        if outcome is not None:
            self._todo = self._todo or (outcome == "skipped" and attributes.get("type", "").lower() == "todo")
            self._levels[-1].direct[tag] += 1
            if _WORST[outcome] > _WORST[self._status]:
                self._status = outcome
                self._message = attributes.get("message", "") or attributes.get("type", "")
                self._kind = attributes.get("type", "")
        elif tag in RETRIED:
            self._flaky = True
        elif tag not in OUTPUTS:
            return
        self._parts, self._size = [], 0

    def _end_text(self, tag: str) -> None:
        text = "".join(self._parts or ())
        self._parts = None
        if tag in OUTPUTS:
            if text.strip():
                self._output.append(f"--- {OUTPUTS[tag]} ---\n{text}")
        elif text:
            self._detail.append(text)

    def _end_case(self, case: dict[str, str]) -> None:
        get = case.get
        classname, name, time = get("classname", ""), get("name", ""), get("time")
        duration = seconds(time)
        tally = self._writer.tally
        if duration is None and time is not None:
            tally.invalid_durations += 1
        if self._status == "passed" and not self._flaky and not self._detail and not self._output:
            status = "skipped" if get("status", "") in _NOT_RUN else "passed"
            self._writer.add(self._suite, classname, name, get("file", ""), get("line", ""), status, duration)
            return
        self._end_noted_case(case, classname, name, duration)
        self._message, self._kind, self._flaky, self._todo = "", "", False, False
        self._detail, self._output = [], []

    def _end_noted_case(self, case: dict[str, str], classname: str, name: str, duration: float | None) -> None:
        tally = self._writer.tally
        status = self._final_status()
        if self._merge and status == "error" and self._writer.is_red(self._suite, classname, name):
            tally.merged += 1
            return
        if self._flaky and status == "passed":
            tally.flaky += 1
            tally.flaky_ids.append(case_id(classname, name)[:500])
        detail = "\n".join(self._detail)
        if status in ("failed", "error"):
            detail = "\n".join([detail, *self._output])
        message = self._message or next((line for line in detail.splitlines() if line.strip()), "")
        self._writer.add(
            self._suite,
            classname,
            name,
            case.get("file", ""),
            case.get("line", ""),
            status,
            duration,
            message_text(message),
            detail_text(detail),
        )

    def _final_status(self) -> str:
        if self._todo:  # node: a test marked as still to be done may fail
            return "xfailed" if _WORST[self._status] > _WORST["skipped"] else "skipped"
        if self._status == "skipped" and self._kind.lower() == "pytest.xfail":
            return "xfailed"
        return self._status


def _wrong_root(tag: str) -> ReportError:
    if tag.lower() == "html":
        return ReportError("REPORT_NOT_XML", "is an HTML page; JUnit XML was expected")
    looks = OTHER_FORMATS.get(tag)
    tail = f" looks like {looks}" if looks else ""
    return ReportError("REPORT_FORMAT", f"root <{tag[:80]}>{tail}; <testsuite> or <testsuites> was expected")


def read_junit(path: Path, writer: CaseWriter, *, merge_repeats: bool = False, repair: bool = False) -> Document:
    """Read one report into `writer`; return what the file says about itself.

    Args:
        path: the file.
        writer: gets the cases.
        merge_repeats: a test that failed and then broke in teardown is one test.
        repair: replace characters that no XML may hold; the document counts them.

    Raises:
        ReportError: the report cannot be believed; what was written until then does not count.
    """
    handler = JUnitHandler(writer, merge_repeats=merge_repeats)
    reader = XmlReader(handler, "JUnit XML", repair=repair)
    reader.read(path)
    handler.document.repaired = reader.repaired
    return handler.document
