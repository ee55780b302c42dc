"""Robot Framework's own `output.xml`: tags, files, lines and log messages, which its xUnit output leaves out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sluice.results.cases import CaseWriter, detail_text, message_text, short
from sluice.results.counters import Level
from sluice.results.junit import Document
from sluice.results.notes import Notes
from sluice.results.numbers import count, seconds
from sluice.results.problems import MAX_VALUE, ReportError
from sluice.results.xml_reader import XmlReader

STATUSES = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped", "NOT RUN": "skipped"}
TORN = "Parent suite teardown failed"
_OLD_TIME = "%Y%m%d %H:%M:%S.%f"  # before Robot Framework 7
# What keywords put into an HTML message: a screenshot, or a link to a file; an address has a colon.
_LINK = re.compile(r"""<(?:img|a)\s[^>]{0,500}?\b(?:src|href)=["']([^"':#]{1,1000})["']""")
_TEXTS = {"msg", "status", "tag", "doc"}


@dataclass
class _Test:
    attributes: dict[str, str]
    status: dict[str, str] = field(default_factory=dict)
    message: str = ""
    messages: list[str] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)


class SuitesHandler:
    """First pass: the ids of suites whose teardown failed, which makes all their tests red."""

    def __init__(self) -> None:
        self.torn: set[str] = set()
        self._path: list[tuple[str, dict[str, str]]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if tag == "status" and attributes.get("status") == "FAIL" and len(self._path) > 1:
            (outer, suite), (inner, keyword) = self._path[-2:]
            if outer == "suite" and inner == "kw" and keyword.get("type", "").upper() == "TEARDOWN":
                self.torn.add(suite.get("id", ""))
        self._path.append((tag, attributes))

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        del tag
        self._path.pop()

    def text(self, data: str) -> None:
        """Take text; there is none that counts."""


class RobotHandler:
    """Second pass: tests become cases."""

    def __init__(self, writer: CaseWriter, torn: set[str], root: str = "") -> None:
        self.document = Document()
        self._writer = writer
        self._torn = torn
        self._root = f"{root.rstrip('/')}/" if root else ""
        self._path: list[str] = []
        self._suites: list[dict[str, str]] = []
        self._test: _Test | None = None
        self._text: list[str] | None = None
        self._size = 0
        self._is_html = False
        self._level = Level()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if not self._path and tag != "robot":
            raise ReportError("REPORT_FORMAT", f"root <{tag[:80]}>; <robot> of output.xml was expected")
        parent = self._path[-1] if self._path else ""
        self._path.append(tag)
        if tag == "suite" and parent in ("robot", "suite"):
            self._suites.append(attributes)
        elif tag in ("test", "task") and parent == "suite":
            self._test = _Test(attributes)
        elif tag == "stat" and parent == "total":
            self._totals(attributes)  # of older versions the last of two counts
        elif tag in _TEXTS and self._test is not None and (tag == "msg" or parent == "test"):
            self._text, self._size = [], 0
            self._is_html = attributes.get("html", "") in ("true", "yes")
            if tag == "status":
                self._test.status = attributes

    def text(self, data: str) -> None:
        """Take text; kept in a test's own elements and in log messages."""
        if self._text is not None and self._size < MAX_VALUE:
            self._text.append(data)
            self._size += len(data)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        self._path.pop()
        if self._text is not None and tag in _TEXTS and self._test is not None:
            text, self._text = "".join(self._text), None
            if self._is_html:
                self._test.notes.attachments += map(html.unescape, _LINK.findall(text))
            _take[tag](self._test, text)
        elif tag in ("test", "task") and self._test is not None and self._path[-1] == "suite":
            self._end_test(self._test)
            self._test = None
        elif tag == "suite" and self._path and self._path[-1] in ("robot", "suite"):
            self._suites.pop()
        elif tag == "robot":
            self.document.level.take(self._level)

    def _end_test(self, test: _Test) -> None:
        status = STATUSES.get(test.status.get("status", ""), "error")
        message = test.message.strip()
        torn = any(suite.get("id", "?") in self._torn for suite in self._suites)
        if torn and status != "skipped":
            status, message = "failed", f"{TORN}: {message}".rstrip(": ")
        self._level.direct["tests"] += 1
        if status in ("failed", "error"):
            self._level.direct["failure" if status == "failed" else "error"] += 1
        elif status == "skipped":
            self._level.direct["skipped"] += 1
        test.notes.output("stdout", "\n".join(test.messages))
        names = [suite.get("name", "") for suite in self._suites]
        file = next((suite["source"] for suite in reversed(self._suites) if "source" in suite), "")
        took = self._seconds(test.status)
        self._writer.add(
            short(" > ".join(names)),
            ".".join(names),
            test.attributes.get("name", ""),
            file,
            test.attributes.get("line", ""),
            status,
            took,
            message_text(message),
            detail_text("\n".join(test.messages)) if status in ("failed", "error") else "",
            test.notes,
        )

    def _seconds(self, status: dict[str, str]) -> float | None:
        """Return `elapsed`, or what lies between the two times of older versions."""
        self.document.timestamp = self.document.timestamp or status.get("start", "")[:64]
        if "elapsed" in status:
            took = seconds(status["elapsed"])
        else:
            took = _between(status.get("starttime", ""), status.get("endtime", ""))
        if took is None and status:
            self._writer.tally.invalid_durations += 1
        return took

    def _totals(self, attributes: dict[str, str]) -> None:
        passed, failed, skipped = (count(attributes.get(name)) for name in ("pass", "fail", "skip"))
        self._level.declared["failure"] = failed
        self._level.declared["skipped"] = skipped
        if passed is not None and failed is not None:
            self._level.declared["tests"] = passed + failed + (skipped or 0)
            self._level.declares = True


def _between(start: str, end: str) -> float | None:
    try:
        begun, ended = (datetime.strptime(text, _OLD_TIME).replace(tzinfo=UTC) for text in (start, end))
    except ValueError:
        return None
    return max(0.0, (ended - begun).total_seconds())


def _take_message(test: _Test, text: str) -> None:
    test.messages.append(text)


def _take_status(test: _Test, text: str) -> None:
    test.message = text


def _take_tag(test: _Test, text: str) -> None:
    test.notes.tags.append(text[:200])


def _take_doc(test: _Test, text: str) -> None:
    test.notes.properties["doc"] = text[:2000]


_take: dict[str, Callable[[_Test, str], None]] = {
    "msg": _take_message,
    "status": _take_status,
    "tag": _take_tag,
    "doc": _take_doc,
}


def read_robot(path: Path, writer: CaseWriter, *, repair: bool = False, root: str = "", **_more: object) -> Document:
    """Read one report into `writer`; return what the file says about itself.

    Raises:
        ReportError: the report cannot be believed; what was written until then does not count.
    """
    suites = SuitesHandler()
    XmlReader(suites, "output.xml of Robot Framework", repair=repair).read(path)
    handler = RobotHandler(writer, suites.torn, root)
    reader = XmlReader(handler, "output.xml of Robot Framework", repair=repair)
    reader.read(path)
    handler.document.repaired = reader.repaired
    return handler.document
