"""The inside of one `<testcase>`: outcome, text, retries, properties, output."""

from __future__ import annotations

from sluice.results.notes import ATTACHMENT_PATH, Attempt, Notes
from sluice.results.problems import MAX_VALUE

OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}
FLAKY = {"flakyFailure": "failed", "flakyError": "error"}  # Surefire: tries before the one that passed
RERUN = {"rerunFailure": "failed", "rerunError": "error"}  # and tries after the one that failed
OUTPUTS = {"system-out": "stdout", "system-err": "stderr"}
WORST = {"error": 3, "failed": 2, "skipped": 1, "passed": 0}
ATTACHMENTS = {"attachment", "filePath"}  # Allure-like and NUnit-like: the path is the text, or one of these
ATTACHMENT_PATHS = ("path", "src", "file", "href", "source")
EXPECTED_FAILURES = {"pytest.xfail", "xfail"}
PROPERTY_NAME, PROPERTY_VALUE = 200, 2000


class OpenCase:
    """Takes the elements inside a case. `direct`: the suite's count of outcome elements."""

    def __init__(self, direct: dict[str, int]) -> None:
        self.status = "passed"
        self.message = ""
        self.notes = Notes()
        self.detail: list[str] = []
        self._direct = direct
        self._kind = ""
        self._todo = False
        self._before: list[Attempt] = []
        self._after: list[Attempt] = []
        self._retry: Attempt | None = None
        self._sinks: list[tuple[str, list[str]]] = []  # elements whose text is kept, the innermost last
        self._property = ""
        self._file_named = False  # by the innermost element of attachments
        self._size = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if tag in OUTCOMES:
            self._direct[tag] += 1
            self._outcome(OUTCOMES[tag], attributes)
        elif tag == "warning":  # PHPUnit before 10: red, and in none of the counters
            self._outcome("error", attributes)
        elif tag in FLAKY or tag in RERUN:
            self._retry = Attempt(FLAKY.get(tag) or RERUN[tag], None, _told(attributes))
            (self._before if tag in FLAKY else self._after).append(self._retry)
        elif tag == "property":
            self._property = attributes.get("name", "")[:PROPERTY_NAME]
            if "value" in attributes:
                self._take_property(attributes["value"])
                return
        elif tag in ATTACHMENTS:
            self._file_named = False
            self._attach(next((attributes[name] for name in ATTACHMENT_PATHS if name in attributes), ""))
        elif tag not in OUTPUTS:
            return
        self._sinks.append((tag, []))
        self._size = 0

    def text(self, data: str) -> None:
        """Take text; kept inside outcomes, retries, output and properties."""
        if self._sinks and self._size < MAX_VALUE:
            self._sinks[-1][1].append(data)
            self._size += len(data)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if not self._sinks or self._sinks[-1][0] != tag:
            return
        text = "".join(self._sinks.pop()[1])
        if tag == "property":
            self._take_property(text.strip())
        elif tag in ATTACHMENTS:
            self._attach("" if self._file_named else text.strip())
        elif tag in OUTPUTS and self._retry is not None:
            self._retry.detail += f"\n--- {OUTPUTS[tag]} ---\n{text}" if text.strip() else ""
        elif tag in OUTPUTS:
            self.notes.output(OUTPUTS[tag], text)
        elif self._retry is not None and (tag in FLAKY or tag in RERUN):
            self._retry.detail = text.strip() + self._retry.detail
            self._retry = None
        elif text:
            self.detail.append(text)

    def _take_property(self, value: str) -> None:
        self.notes.properties[self._property] = value[:PROPERTY_VALUE]
        if self._property == "attachment":
            self._attach(value)

    def _attach(self, path: str) -> None:
        self._file_named = self._file_named or bool(path)
        if path and len(path) <= ATTACHMENT_PATH:
            self.notes.attachments.append(path)

    @property
    def was_retried(self) -> bool:
        """Tell whether the case passed only after other tries."""
        return bool(self._before)

    def finish(self, duration: float | None) -> tuple[str, str, str]:
        """Return status, message and detail; the notes are then complete."""
        status = self._final_status()
        detail = "\n".join(self.detail)
        if status in ("failed", "error"):
            outputs = (f"--- {stream} ---\n{text}" for stream, text in self.notes.outputs.items())
            detail = "\n".join([detail, *outputs])
        message = self.message or next((line for line in detail.splitlines() if line.strip()), "")
        tries = len(self._before) + len(self._after)
        if tries:
            final = Attempt(status, duration, message)
            self.notes.attempts = [*self._before, final, *self._after]
        if self._before and status == "passed":
            message = f"passed on attempt {len(self._before) + 1}; before it: {self._before[-1].message}"
        return status, message, detail

    def _outcome(self, outcome: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "")
        self._todo = self._todo or (outcome == "skipped" and kind.lower() == "todo")
        if WORST[outcome] > WORST[self.status]:
            self.status = outcome
            self.message = _told(attributes)
            self._kind = kind

    def _final_status(self) -> str:
        if self._todo:  # node: a test marked as still to be done may fail
            return "xfailed" if WORST[self.status] > WORST["skipped"] else "skipped"
        if self.status == "skipped" and self._kind.lower() in EXPECTED_FAILURES:
            return "xfailed"
        return self.status


def _told(attributes: dict[str, str]) -> str:
    return attributes.get("message", "") or attributes.get("type", "")
