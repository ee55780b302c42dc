"""JUnit XML as pytest, unittest, behave, Robot Framework, Surefire, Jest, node and others write it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sluice.results.cases import CaseWriter, case_id, detail_text, message_text, short
from sluice.results.counters import Level
from sluice.results.junit_case import OUTPUTS, OpenCase
from sluice.results.notes import attachments_in
from sluice.results.numbers import seconds
from sluice.results.problems import ReportError, shown
from sluice.results.suite_output import SuiteOutput, SuiteOutputs
from sluice.results.xml_reader import XmlReader

READ_ELSEWHERE = {"TestRun": ("TRX", "trx"), "robot": ("Robot Framework's output.xml", "robot")}
OTHER_FORMATS = {
    "test-run": "NUnit 3",
    "test-results": "NUnit 2",
    "assemblies": "xUnit.net",
    "coverage": "Cobertura coverage",
    "testExecutions": "SonarQube",
    "html": "HTML",
}
PLAIN = 11  # characters of a duration that are kept as they are: no more digits than a row would have
_STAMP = re.compile(r"-\d{14}$")
_USUAL = ("classname", "name", "time")  # a case that has these has no others, mostly
_NOT_RUN = {"notrun", "skipped", "disabled", "untested"}


@dataclass
class Document:
    """What one report file says about itself."""

    level: Level = field(default_factory=Level)
    properties: dict[str, str] = field(default_factory=dict)
    timestamp: str = ""
    repaired: int = 0
    outputs: SuiteOutputs = field(default_factory=SuiteOutputs)


class JUnitHandler:
    """Turns elements into cases.

    Args:
        writer: gets the cases.
        merge_repeats: a test that failed and then broke in teardown is one test.
        root: the workspace, cut from names of suites (its path is another one in each run).
    """

    def __init__(self, writer: CaseWriter, *, merge_repeats: bool = False, root: str = "") -> None:
        self.document = Document()
        self._writer = writer
        self._add = writer.add
        self._merge = merge_repeats
        self._root = f"{root.rstrip('/')}/" if root else ""
        self._levels: list[Level] = []
        self._direct: dict[str, int] | None = None  # the innermost level's count of what stands directly in it
        self._names: list[str] = []
        self._suite = ""
        self._case: dict[str, str] | None = None
        self._inner: OpenCase | None = None
        self._output: SuiteOutput | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        direct = self._direct
        if tag == "testcase" and direct is not None:
            self._case = attributes
            direct["tests"] += 1
        elif self._case is not None and direct is not None:
            if self._inner is None:
                self._inner = OpenCase(direct)
            self._inner.start(tag, attributes)
        elif tag in ("testsuite", "testsuites"):
            self._start_suite(tag, attributes)
        elif not self._levels:
            raise _wrong_root(tag)
        elif tag in OUTPUTS:
            self._output = SuiteOutput(self._suite, OUTPUTS[tag])
        elif tag == "property" and len(self.document.properties) < 200:
            self.document.properties.setdefault(attributes.get("name", "")[:200], attributes.get("value", "")[:500])

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        case = self._case
        if case is not None and tag == "testcase":
            self._end_case(case)
            self._case = self._inner = None
        elif self._inner is not None:
            self._inner.end(tag)
        elif tag in ("testsuite", "testsuites") and self._case is None:
            self._end_suite()
        elif self._output is not None and tag in OUTPUTS:
            self.document.outputs.add(self._output)
            self._writer.attach("", attachments_in(self._output.text))
            self._output = None

    def text(self, data: str) -> None:
        """Take text; kept inside a case, and as output of a suite."""
        if self._inner is not None:
            self._inner.text(data)
        elif self._output is not None:
            self._output.add(data)

    def _start_suite(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._levels and "xmlns" in attributes:
            raise ReportError("REPORT_FORMAT", f"root <{tag}> is in the namespace {shown(attributes['xmlns'])}")
        self._levels.append(Level.declared_by(attributes))
        self._direct = self._levels[-1].direct
        # unittest-xml-reporting writes the time into the name, which would be another suite in each run.
        name = _STAMP.sub("", attributes.get("name", "")) if tag == "testsuite" else ""
        self._names.append(name.replace(self._root, "") if self._root else name)
        self._suite = short(" > ".join(filter(None, self._names)))
        self.document.timestamp = self.document.timestamp or attributes.get("timestamp", "")[:64]

    def _end_suite(self) -> None:
        self._names.pop()
        self._suite = short(" > ".join(filter(None, self._names)))
        level = self._levels.pop()
        self._direct = self._levels[-1].direct if self._levels else None
        (self._levels[-1] if self._levels else self.document.level).take(level)

    def _end_case(self, case: dict[str, str]) -> None:
        get = case.get
        classname, name, time = get("classname"), get("name"), get("time")
        duration, written = _duration(time)
        if duration is None and time is not None:
            self._writer.tally.invalid_durations += 1
        if self._inner is not None:
            self._end_noted_case(self._inner, case, duration)
            return
        status, file, line = "passed", "", ""
        if len(case) > len(_USUAL) or classname is None or name is None or time is None:
            status = "skipped" if get("status", "") in _NOT_RUN else "passed"
            classname, name, file, line = classname or "", name or "", get("file", ""), get("line", "")
        self._add(self._suite, classname, name, file, line, status, duration, "", "", None, written)

    def _end_noted_case(self, inner: OpenCase, case: dict[str, str], duration: float | None) -> None:
        tally = self._writer.tally
        classname, name, file = case.get("classname", ""), case.get("name", ""), case.get("file", "")
        status, message, detail = inner.finish(duration)
        if status == "passed" and case.get("status", "") in _NOT_RUN:
            status = "skipped"
        if self._merge and status == "error" and self._writer.is_red(self._suite, file, classname, name):
            tally.merged += 1
            return
        if inner.was_retried and status == "passed":
            tally.flaky += 1
            tally.flaky_ids.append(case_id(classname, name)[:500])
        self._writer.add(
            self._suite,
            classname,
            name,
            file,
            case.get("line", ""),
            status,
            duration,
            message_text(message),
            detail_text(detail),
            inner.notes,
        )


@lru_cache(maxsize=4096)  # most runners write milliseconds: the same few texts again and again
def _duration(text: str | None) -> tuple[float | None, str]:
    """Return seconds, and how they can be written down: as the report has them, where that is plain."""
    found = seconds(text)
    plain = found is not None and text is not None and len(text) <= PLAIN and "," not in text
    return found, text if plain and text else ""


def _wrong_root(tag: str) -> ReportError:
    if tag.lower() == "html":
        return ReportError("REPORT_NOT_XML", "is an HTML page; JUnit XML was expected")
    if tag in READ_ELSEWHERE:
        looks, name = READ_ELSEWHERE[tag]
        return ReportError("REPORT_FORMAT", f"root <{tag}> looks like {looks}; set format: {name}")
    looks = OTHER_FORMATS.get(tag, "")
    tail = f" looks like {looks}" if looks else ""
    return ReportError("REPORT_FORMAT", f"root <{tag[:80]}>{tail}; <testsuite> or <testsuites> was expected")


def read_junit(
    path: Path, writer: CaseWriter, *, merge_repeats: bool = False, repair: bool = False, root: str = ""
) -> Document:
    """Read one report into `writer`; return what the file says about itself.

    Args:
        path: the file.
        writer: gets the cases.
        merge_repeats: a test that failed and then broke in teardown is one test.
        repair: replace characters that no XML may hold; the document counts them.
        root: the workspace, cut from names of suites.

    Raises:
        ReportError: the report cannot be believed; what was written until then does not count.
    """
    handler = JUnitHandler(writer, merge_repeats=merge_repeats, root=root)
    reader = XmlReader(handler, "JUnit XML", repair=repair)
    reader.read(path)
    handler.document.repaired = reader.repaired
    return handler.document
