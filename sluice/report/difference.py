"""What differs between two runs of a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.report.document import FoundProblem
from sluice.report.inputs import differing_keys
from sluice.store.views import RunView

VERSION = 1  # as in sluice.report.document
NOTABLE_SECONDS, NOTABLE_FACTOR = 0.1, 1.5


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    id: str
    ref: str
    commit: str | None
    state: str
    seconds: float | None


@dataclass(frozen=True)
class Value:
    """Something that has another value; None: it is not there."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Duration:
    """Something that takes notably longer or shorter: by half and by a tenth of a second at least."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class TestChanges:
    """Test ids. A test is red when it is red in any cell; None counts: that run has no accepted tests."""

    __test__ = False

    before: int | None
    after: int | None
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    newly_red: tuple[str, ...] = ()
    newly_green: tuple[str, ...] = ()


@dataclass(frozen=True)
class CoverageChange:
    """Line coverage of a file, or of everything (path empty); None: not measured."""

    path: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Difference:
    """Everything that differs. The shape is docs/report.md's."""

    version: int
    before: Side
    after: Side
    tests: TestChanges
    durations: tuple[Duration, ...]
    coverage: tuple[CoverageChange, ...]
    new_findings: tuple[FoundProblem, ...]
    gone_findings: tuple[FoundProblem, ...]
    packages: tuple[Value, ...]
    config: tuple[str, ...]
    environment: tuple[Value, ...]


def side(run: RunView) -> Side:
    """Return what names a run."""
    return Side(run.id, run.ref, run.commit, str(run.state), run.seconds)


def test_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> TestChanges:
    """Compare the cases of two runs; None: there are none that were accepted."""
    if before is None or after is None:
        return TestChanges(None if before is None else len(before), None if after is None else len(after))
    both = sorted(before.keys() & after.keys())
    return TestChanges(
        before=len(before),
        after=len(after),
        new=tuple(sorted(after.keys() - before.keys())),
        gone=tuple(sorted(before.keys() - after.keys())),
        newly_red=tuple(
            name for name in sorted(after) if after[name].red and not (name in before and before[name].red)
        ),
        newly_green=tuple(
            name for name in both if before[name].red and not after[name].red and not after[name].skipped
        ),
    )


test_changes.__test__ = False  # type: ignore[attr-defined]


def moved(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> tuple[Duration, ...]:
    """Return the durations that moved notably, the largest move first."""
    found = [
        Duration(name, was, now)
        for name in before.keys() & after.keys()
        if (was := before[name]) is not None and (now := after[name]) is not None and notable(was, now)
    ]
    return tuple(sorted(found, key=lambda each: (-abs(each.after - each.before), each.name)))


def notable(before: float, after: float) -> bool:
    """Tell whether a duration moved by half and by a tenth of a second at least."""
    low, high = sorted((before, after))
    return high - low >= NOTABLE_SECONDS and high >= low * NOTABLE_FACTOR


def values(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Value, ...]:
    """Return what has another value, came or went."""
    names = sorted(before.keys() | after.keys())
    return tuple(
        Value(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    )


def coverage_changes(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]
) -> tuple[CoverageChange, ...]:
    """Return the coverage of everything and then of each file, where it is another."""
    files = [
        CoverageChange(path, rate(before.get(path)), rate(after.get(path))) for path in before.keys() | after.keys()
    ]
    whole = CoverageChange("", rate(total(before)), rate(total(after)))
    changed = sorted((file for file in files if file.before != file.after), key=lambda file: file.path)
    return tuple([whole] if whole.before != whole.after else []) + tuple(changed)


def total(files: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Return the lines of all files, and the covered ones."""
    return sum(valid for valid, _ in files.values()), sum(covered for _, covered in files.values())


def rate(lines: tuple[int, int] | None) -> float | None:
    """Return covered / valid; None when nothing was measured."""
    return lines[1] / lines[0] if lines and lines[0] else None


def config_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield `test.args: [] → ["-x"]`, a line a key of sluice.yaml in effect that differs."""
    for name in sorted(before.keys() | after.keys()):
        yield from differing_keys(name, before.get(name), after.get(name))
