"""The rows of test cases: `cases.csv`, written as the report is read, so that a million cases need little memory."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from sluice.results.notes import LEFT_OUT, NOTES_BYTES, Attempt, Notes
from sluice.results.problems import DETAIL_LIMIT, MAX_CASES, MESSAGE_LIMIT, NAME_LIMIT, middle_cut

COLUMNS = (
    "ordinal",
    "suite",
    "classname",
    "name",
    "file",
    "line",
    "status",
    "duration_seconds",
    "message",
    "detail",
    "occurrence",
    "notes",
)
STATUSES = ("passed", "flaky", "failed", "error", "skipped", "xfailed", "xpassed")
RED = ("failed", "error")
# How runners word that an expected failure passed: pytest, unittest (ours, xmlrunner, pytest), Jest, Playwright.
UNEXPECTED = (
    "[XPASS(strict)]",
    "unexpected success",
    "Unexpected success",
    "UnexpectedSuccess",
    "Failing test passed even though it was supposed to fail",
    "Expected to fail, but passed",
)
SHOWN_FAILURES = 50
SHOWN_IDS = 50
QUOTES = 8  # in the row of a case whose names hold none
MAX_ATTACHMENTS = 1000  # of one execution that are looked at


def case_id(classname: str, name: str) -> str:
    """Return the id under which a test's history and duration are kept: `classname::name`."""
    return f"{classname}::{name}" if classname else name


def short(name: str) -> str:
    """Return a name of at most 2,000 characters; the SHA-256 of a longer one keeps it unique."""
    if len(name) <= NAME_LIMIT:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name[: NAME_LIMIT - 72]}…#{digest}"


@dataclass
class Tally:
    """What was read, in numbers and in the few cases that a person wants to see."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    case_seconds: float = 0.0
    invalid_durations: int = 0
    merged: int = 0
    flaky: int = 0
    flaky_ids: list[str] = field(default_factory=list)
    duplicates: int = 0
    duplicate_ids: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    notes_cut: int = 0
    unexpected: int = 0
    attachments: list[dict[str, object]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of cases, those beyond the row limit included."""
        return sum(self.counts.values())


class CaseWriter:
    """Writes rows and keeps the tally.

    Args:
        file: gets the rows.
        xpassed: ids that passed though a failure was expected, which the report does not show.
        left_out: id → how many of its first cases are no results: tries that were run again, what another shard tells.
        root: the workspace, cut from names of files.
    """

    def __init__(
        self,
        file: TextIO,
        xpassed: frozenset[str] = frozenset(),
        left_out: Mapping[str, int] | None = None,
        root: str = "",
    ) -> None:
        # A carriage return ends a row for every reader, and csv quotes by itself only what is in its own line end.
        self._write = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerow
        self._write(COLUMNS)
        self._write_text = file.write
        self._xpassed = xpassed
        self._left_out = dict(left_out or {})
        self._seen: set[int] = set()
        self._repeats: dict[int, int] = {}
        self._tries: dict[str, list[Attempt]] = {}
        self._red: set[int] = set()
        self._notes_left = NOTES_BYTES
        self._total = 0
        self._root = f"{root.rstrip('/')}/" if root else ""
        self.tally = Tally()

    def add(
        self,
        suite: str,
        classname: str,
        name: str,
        file: str,
        line: str,
        status: str,
        duration: float | None,
        message: str = "",
        detail: str = "",
        notes: Notes | None = None,
        written: str = "",
    ) -> None:
        """Write one case, its text cut to what a table can hold; `written`: its duration as the report has it."""
        ident = case_id(classname, name) if self._left_out else ""
        if ident and (notes := self._with_tries(ident, status, duration, notes)) is LEFT_OUT:
            return
        file = self._file(file) if file else ""
        key, tally = hash((suite, file, classname, name)), self.tally
        occurrence = self._repeated(key, classname, name) if key in self._seen else 1
        self._seen.add(key)
        if status == "passed" and (notes or self._xpassed):
            status = self._passed(case_id(classname, name), notes)
        tally.counts[status] += 1
        self._total = total = self._total + 1
        tally.case_seconds += duration or 0.0
        if status in RED:
            self._keep_failure(key, classname, name, status, message, detail)
        if total > MAX_CASES:
            return
        if len(name) + len(classname) > NAME_LIMIT:
            classname, name = short(classname), short(name)
        told = self._notes_text(notes, classname, name) if notes else ""
        seconds = written or ("" if duration is None else f"{duration:.9g}")
        row = f'{total},"{suite}","{classname}","{name}","{file}",,{status},{seconds},,,{occurrence},\n'
        if not (message or detail or told or line) and row.count('"') == QUOTES:
            self._write_text(row)  # most rows: the csv writer takes as long as the rest of a case
        else:
            self._write((total, suite, classname, name, file, line, status, seconds, message, detail, occurrence, told))

    @property
    def written(self) -> int:
        """Number of rows; cases beyond the limit are counted and have none."""
        return min(self._total, MAX_CASES)

    def attach(self, test: str, paths: Sequence[str], ordinal: int = 0, folder: str = "") -> None:
        """Note files that a case names, or a suite (test "", ordinal 0)."""
        found = self.tally.attachments
        for path in paths[: max(0, MAX_ATTACHMENTS - len(found))]:
            found.append({"test": test, "ordinal": ordinal, "path": path, "folder": folder})

    def is_red(self, suite: str, file: str, classname: str, name: str) -> bool:
        """Tell whether a case of this name has failed before."""
        return hash((suite, self._file(file), classname, name)) in self._red

    def _passed(self, identity: str, notes: Notes | None) -> str:
        """Return how a case passed: after a red try, though it was expected to fail, or plainly."""
        if notes is not None and notes.was_red:
            return "flaky"
        return "xpassed" if identity in self._xpassed else "passed"

    def _file(self, name: str) -> str:
        """Return a file's name as it is in every run: below the workspace."""
        if self._root and name.startswith(self._root):
            name = name[len(self._root) :]
        return name if len(name) <= NAME_LIMIT else short(name)

    def _with_tries(self, identity: str, status: str, duration: float | None, notes: Notes | None) -> Notes | None:
        """Return the notes with the tries that came before, or `LEFT_OUT` for what is one of them."""
        left = self._left_out.get(identity, 0)
        if left > 0:
            self._left_out[identity] = left - 1
            self.tally.merged += 1
            # The report shows a try that is run again like a pass: it was none.
            red = "failed" if status == "passed" else status
            self._tries.setdefault(identity, []).append(Attempt(red, duration))
            return LEFT_OUT
        tries = self._tries.pop(identity, None)
        if tries:
            notes = notes or Notes()
            notes.attempts = [*tries, Attempt(status, duration)]
        return notes

    def _notes_text(self, notes: Notes, classname: str, name: str) -> str:
        """Return the notes of a row that is being written, and note the files that they name."""
        if notes.attachments:
            self.attach(case_id(classname, name), notes.files, self._total, notes.folder)
        text = notes.text()
        self._notes_left -= len(text)
        if self._notes_left >= 0:
            return text
        self.tally.notes_cut += 1
        return ""

    def _repeated(self, key: int, classname: str, name: str) -> int:
        self.tally.duplicates += 1
        if len(self.tally.duplicate_ids) < SHOWN_IDS:
            self.tally.duplicate_ids.append(case_id(short(classname), short(name)))
        self._repeats[key] = self._repeats.get(key, 1) + 1
        return self._repeats[key]

    def _keep_failure(self, key: int, classname: str, name: str, status: str, message: str, detail: str) -> None:
        self._red.add(key)
        self.tally.unexpected += message.startswith(UNEXPECTED)
        if len(self.tally.failures) < SHOWN_FAILURES:
            self.tally.failures.append(
                {
                    "id": case_id(short(classname), short(name)),
                    "status": status,
                    "message": message,
                    "detail": "\n".join(detail.splitlines()[-30:])[-3000:],
                }
            )


def message_text(text: str) -> str:
    """Return a message that fits its column."""
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def detail_text(text: str) -> str:
    """Return a detail that fits its column, its middle left out."""
    return middle_cut(text, DETAIL_LIMIT)
