"""The rows of test cases: `cases.csv`, written as the report is read, so that a million cases need little memory."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

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
)
STATUSES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
SHOWN_FAILURES = 50
SHOWN_IDS = 50


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
    written: int = 0
    flaky: int = 0
    flaky_ids: list[str] = field(default_factory=list)
    duplicates: int = 0
    duplicate_ids: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)

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
    """

    def __init__(
        self, file: TextIO, xpassed: frozenset[str] = frozenset(), left_out: Mapping[str, int] | None = None
    ) -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._write(COLUMNS)
        self._xpassed = xpassed
        self._left_out = dict(left_out or {})
        self._seen: set[int] = set()
        self._red: set[int] = set()
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
    ) -> None:
        """Write one case. The row's text is cut to what a table can hold."""
        tally = self.tally
        if self._left_out and self._is_left_out(case_id(classname, name)):
            tally.merged += 1
            return
        key = hash((suite, classname, name))
        if key in self._seen:
            self._repeated(classname, name)
        else:
            self._seen.add(key)
        if status == "passed" and self._xpassed and case_id(classname, name) in self._xpassed:
            status = "xpassed"
        tally.counts[status] += 1
        if duration is not None:
            tally.case_seconds += duration
        if status in ("failed", "error"):
            self._red.add(key)
            self._keep_failure(classname, name, status, message, detail)
        if tally.written < MAX_CASES:
            tally.written += 1
            seconds = "" if duration is None else f"{duration:.9g}"
            if len(name) > NAME_LIMIT:
                name = short(name)
            self._write((tally.total, suite, classname, name, file, line, status, seconds, message, detail))

    def is_red(self, suite: str, classname: str, name: str) -> bool:
        """Tell whether a case of this name has failed before."""
        return hash((suite, classname, name)) in self._red

    def _is_left_out(self, identity: str) -> bool:
        left = self._left_out.get(identity, 0)
        self._left_out[identity] = left - 1
        return left > 0

    def _repeated(self, classname: str, name: str) -> None:
        self.tally.duplicates += 1
        if len(self.tally.duplicate_ids) < SHOWN_IDS:
            self.tally.duplicate_ids.append(case_id(short(classname), short(name)))

    def _keep_failure(self, classname: str, name: str, status: str, message: str, detail: str) -> None:
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
