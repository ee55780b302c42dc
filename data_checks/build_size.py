"""Whether a release is as large as it usually is: of bytes and of files, and what was deleted of its source."""

from __future__ import annotations

from data_checks.contract import BoundaryFacts
from sluice.records.build import BuildRecord
from sluice.records.history import Usual
from sluice.stages.source_files import build_files, dependency_files
from sluice.states import Severity

SIZE, FILES, AS_USUAL = "build.size", "build.inspected_files", "usual"
HALF, SPARE = 0.5, 100 << 10  # it may shrink by half or by 100 KiB, and grow by twice that
LOST = 0.25  # of its bytes or of its files, beyond what was deleted: a build packs other things now
LINE_BYTES = 100  # of a deleted line, more than one is long
LOST_BYTES, LOST_FILES = 1 << 10, 1
LEAVE_OUT = (".gitattributes", "ignore")  # beside what says how to build, and on what it stands


def size(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Tell whether the release has the usual size, and nothing of it is missing that nobody deleted."""
    return AS_USUAL if _in_range(record, facts) and not missing(record, facts) else seen(record, facts)


def seen(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Return the size in words, with what is missing."""
    return "; ".join(filter(None, (f"{record.size} bytes", missing(record, facts))))


def expected(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Return in words what is usual."""
    usual = _range(facts)
    if usual is None:
        return "a usual size"
    told = f"{usual.low:.0f} to {usual.high:.0f} bytes, as is usual on {_branch(facts)}"
    return f"{told}, and nothing missing that nobody deleted" if missing(record, facts) else told


def severity(record: BuildRecord, facts: BoundaryFacts) -> Severity:
    """Only warn of what is missing where it may be meant: what decides on the packing changed, or nobody knows."""
    if not _in_range(record, facts):
        return Severity.STOP
    since = facts.files_since
    if since is None or facts.previous_base not in ("", record.base):
        return Severity.WARN
    paths = [path for file in since for path in (file.path, file.old_path) if path]
    meant = build_files(paths) or dependency_files(paths) or any(path.endswith(LEAVE_OUT) for path in paths)
    return Severity.WARN if meant else Severity.STOP


def missing(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Return how much less there is than in the newest accepted release, beyond what was deleted since; "" when none.

    Where a file was deleted, only files are counted: nobody knows how much it was of the release.
    """
    since = facts.files_since or ()
    deleted = sum(file.change == "D" for file in since)
    lines = sum(file.deletions or 0 for file in since)
    opaque = deleted or any(file.deletions is None for file in since)
    found = _less(FILES, record.inspected_files, deleted, LOST_FILES, facts, "files")
    if not found and not opaque:
        found = _less(SIZE, record.size, LINE_BYTES * lines, LOST_BYTES, facts, "bytes")
    return found


def _less(metric: str, now: int, explained: int, least: int, facts: BoundaryFacts, unit: str) -> str:
    before = facts.baseline(metric)
    if before is None or not now or before.latest - now - explained <= max(least, LOST * before.latest):
        return ""
    return f"{now} {unit}, {before.latest:.0f} before, and what was deleted explains {explained}"


def _in_range(record: BuildRecord, facts: BoundaryFacts) -> bool:
    usual = _range(facts)
    return usual is None or usual.low <= record.size <= usual.high


def _range(facts: BoundaryFacts) -> Usual | None:
    baseline = facts.baseline(SIZE)
    if baseline is None:
        return None
    low, high = baseline.usual(relative=HALF, absolute=SPARE)
    return Usual(max(0.0, low), 2 * high - baseline.median)


def _branch(facts: BoundaryFacts) -> str:
    baseline = facts.baseline(SIZE)
    return baseline.branch if baseline else ""
