"""From the files that a run left behind to the fields of its `TestExecution`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sluice.errors import SluiceError
from sluice.records.common import ArtifactRef
from sluice.records.testing import CoverageSummary, FailedTest, Problem
from sluice.results import box
from sluice.results.files import Taken, snapshot, take
from sluice.results.problems import ReportError
from sluice.stages.testing import attachments
from sluice.stages.testing.coverage import CoveragePlan, make_report
from sluice.stages.testing.job import Job, LineSink, Trace
from sluice.stages.testing.runners.runner import Runner
from sluice.stages.workplace import Workplace, now

CLOCK_GRAIN = timedelta(milliseconds=20)  # a file's time may lie one tick of the kernel before the clock's
EASTERNMOST, WESTERNMOST = timedelta(hours=-14), timedelta(hours=12)  # from a zone's own time to UTC


@dataclass(frozen=True)
class Found:
    """Fields of the execution, and the red tests."""

    fields: dict[str, Any]
    failures: tuple[FailedTest, ...] = ()


@dataclass(frozen=True)
class Before:
    """What was there before the runner began: the time, and files that are called like its reports."""

    started: datetime
    files: dict[str, tuple[int, ...]]


def look_before(job: Job, runner: Runner, plan: CoveragePlan) -> Before:
    """Note the time and what already lies where the reports will be."""
    folder, pattern = runner.reports(job)
    files = snapshot(folder, pattern)
    if plan.kind == "declared" and plan.report:
        files |= snapshot(job.tree, plan.report)
    return Before(now(), files)


@dataclass
class _Files:
    taken: list[Taken] = field(default_factory=list)
    stored: ArtifactRef | None = None

    @property
    def written_at(self) -> datetime | None:
        """Return when the oldest of the files was written: one old file among new ones is an old report."""
        times = [one.written_at for one in self.taken]
        return datetime.fromtimestamp(min(times), UTC) if times else None


def read(job: Job, runner: Runner, trace: Trace, before: Before, place: Workplace, log: LineSink) -> Found:
    """Read the JUnit files of a run; one that cannot be believed is a problem, no error."""
    files = _Files()
    empty = dict.fromkeys(("total", "passed", "failed", "errors", "skipped"), 0)
    try:
        folder, pattern = runner.reports(job)
        files.taken = _unique(take(folder, pattern, job.out / "taken", noun="junit"))
        files.stored = _store(files.taken, job, place)
        _refuse_stale(files.taken, before, "REPORT_STALE")
        told = _parse(job, runner, files.taken, trace)
    except ReportError as error:
        problem = Problem(code=error.code, message=error.message)
        fields = {**empty, "report": files.stored, "report_problem": problem, "report_written_at": files.written_at}
        return Found(fields)
    rows = place.artifacts.put_file(job.out / "cases.csv", f"{job.file_name}-cases.csv", "text/csv")
    _warn(told, log)
    fields = _fields(told, runner, trace, before.started)
    fields |= {"report": files.stored, "cases": rows, "report_written_at": files.written_at}
    fields |= attachments.keep(job, told, [one.name for one in files.taken], place, log)
    failures = tuple(FailedTest(**one, cell=job.request.cell.label) for one in told["failures"])
    return Found(fields, failures)


def _unique(taken: Sequence[Taken]) -> list[Taken]:
    """Drop files of equal content: a report that was copied is one report."""
    seen: dict[bytes, Taken] = {}
    for one in taken:
        seen.setdefault(one.copy.read_bytes() if one.copy.stat().st_size < 1 << 16 else _digest(one.copy), one)
    return list(seen.values())


def _digest(path: Path) -> bytes:
    from sluice.artifacts import sha256_file

    return sha256_file(path).encode()


def _store(taken: Sequence[Taken], job: Job, place: Workplace) -> ArtifactRef:
    """Keep the report as it was: the file itself, or several one after the other with their names between."""
    if len(taken) == 1:
        return place.artifacts.put_file(taken[0].copy, f"{job.file_name}-junit.xml", "application/xml")
    joined = job.out / "junit-files.txt"
    with joined.open("wb") as out:
        for one in taken:
            out.write(f"=== {one.name} ===\n".encode() + one.copy.read_bytes() + b"\n")
    return place.artifacts.put_file(joined, f"{job.file_name}-junit.txt", "text/plain")


def _refuse_stale(taken: Sequence[Taken], before: Before, code: str) -> None:
    """Refuse what the run did not write: files that were there before, and files that are older than it."""
    for one in taken:
        if before.files.get(one.name) == one.identity:
            raise ReportError(code, f"{one.name} lay there before the run began, and the run did not write it")
        written = datetime.fromtimestamp(one.written_at, UTC)
        if written < before.started - CLOCK_GRAIN:
            age = (before.started - written).total_seconds()
            raise ReportError(code, f"{one.name} was written {age:.0f} s before the run began")


def _parse(job: Job, runner: Runner, taken: Sequence[Taken], trace: Trace) -> dict[str, Any]:
    return box.parse(
        "junit",
        [one.copy for one in taken],
        job.out / "cases.csv",
        names={str(one.copy): one.name for one in taken},
        merge_repeats=runner.name == "pytest",
        repair=job.request.config.repair,
        format=job.request.config.format if runner.name == "command" else "junit",
        root=str(job.tree),
        xpassed=[*trace.xpassed, *trace.strict],
        left_out=dict(Counter(trace.reruns) + Counter(trace.skipped_files if job.request.cell.shard > 1 else ())),
    )


def _warn(told: dict[str, Any], log: LineSink) -> None:
    """Say what was put right or left out while the report was read."""
    warnings = {
        "DURATION_INVALID": (told["invalid_durations"], "durations could not be read; their tests count all the same"),
        "REPORT_REPAIRED": (told["repaired"], "characters that no XML may hold were replaced (test.repair)"),
        "REPORT_NOTES_CUT": (told["notes_cut"], "cases lost their output and properties: there was too much in all"),
        "REPORT_OUTPUT_CUT": (told["output_cut"], "streams of suites are left out: there was too much in all"),
        "REPORT_CASES_CUT": (sum(told["counts"].values()) - told["written"], "cases are counted and have no row"),
    }
    for code, (count, text) in warnings.items():
        if count:
            log(f"{code}: {count} {text}")


def _fields(told: dict[str, Any], runner: Runner, trace: Trace, began: datetime) -> dict[str, Any]:
    counts = told["counts"]
    total = sum(counts.values())
    drift = told["drift"] and {**told["drift"], "tests": _tests_drift(told, runner, trace)}
    reruns = trace.reruns or told["flaky_ids"]
    return {
        "total": total,
        "errors": counts["error"],
        **{name: counts[name] for name in ("passed", "flaky", "failed", "skipped", "xfailed", "xpassed")},
        "declared_total": _declared(drift, "tests", total),
        "declared_failed": _declared(drift, "failure", counts["failed"]),
        "declared_errors": _declared(drift, "error", counts["error"]),
        "declared_skipped": _declared(drift, "skipped", counts["skipped"]),
        "xpassed_strict": max(len(trace.strict), told["unexpected"]),
        "duplicate_ids": tuple(told["duplicate_ids"]) if runner.ids_are_unique() else (),
        "passed_on_retry": tuple(sorted(set(reruns)))[:50],
        "invalid_durations": told["invalid_durations"],
        "repaired": told["repaired"],
        "properties": told["properties"],
        "case_seconds": told["case_seconds"],
        "report_timestamp": earliest(told["timestamps"], began, now()),
    }


def _declared(drift: dict[str, int] | None, name: str, counted: int) -> int | None:
    """Return what the report says of itself: our count and by how much its counter differs from its elements."""
    return None if drift is None else max(0, counted + drift[name])


def _tests_drift(told: dict[str, Any], runner: Runner, trace: Trace) -> int:
    """Return how far the counter `tests` is off.

    pytest's own counter is no number of tests; where the report holds the very number that pytest meant to write, it
    is right in its own way.
    """
    drift: int = told["drift"]["tests"]
    if runner.name == "pytest" and trace.counter == told["elements"]["tests"] + drift:
        return 0
    return drift


def earliest(texts: Sequence[str], began: datetime, ended: datetime) -> datetime | None:
    """Return the earliest of a report's time stamps; None where none can be read or contradicts the run.

    Most runners name no zone. Such a stamp is taken for the moment nearest to the run that any zone makes of it: only
    one that is wrong in every zone tells against the report.
    """
    found = []
    for text in texts:
        with contextlib.suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(text)
            found.append(moment.astimezone(UTC) if moment.tzinfo else _in_some_zone(moment, began, ended))
    known = [moment for moment in found if moment is not None]
    return min(known) if known else None


def _in_some_zone(moment: datetime, began: datetime, ended: datetime) -> datetime | None:
    first, last = (moment.replace(tzinfo=UTC) + offset for offset in (EASTERNMOST, WESTERNMOST))
    if last < began:
        return last
    return first if first > ended else None


def read_coverage(
    job: Job, plan: CoveragePlan, before: Before, place: Workplace, log: LineSink
) -> tuple[CoverageSummary | None, Problem | None]:
    """Read the coverage of a run; None and the problem when there should be some and it cannot be believed."""
    if plan.kind == "none":
        gated = job.request.config.coverage.is_gated
        return None, _problem("COVERAGE_MISSING", "a gate is set, and coverage is not measured") if gated else None
    try:
        taken = _take_coverage(job, plan, before, log)
        names = {str(taken.copy): taken.name}
        told = box.parse("coverage", [taken.copy], job.out / "coverage.csv", names=names, root=str(job.tree))
    except ReportError as error:
        return None, _problem(error.code.replace("REPORT_", "COVERAGE_"), error.message)
    except SluiceError as error:
        return None, _problem("COVERAGE_MISSING", str(error))
    if told["dropped_paths"]:
        log(f"COVERAGE_PATH: {told['dropped_paths']} files outside the project are left out of the coverage")
    rows = place.artifacts.put_file(job.out / "coverage.csv", f"{job.file_name}-coverage.csv", "text/csv")
    counts = ("lines_valid", "lines_covered", "branches_valid", "branches_covered", "test_lines_valid")
    return CoverageSummary(**{name: told[name] for name in counts}, files=rows), None


def _take_coverage(job: Job, plan: CoveragePlan, before: Before, log: LineSink) -> Taken:
    name = make_report(job, plan, log)
    if name is None:
        raise ReportError("COVERAGE_MISSING", "nothing was measured")
    folder = job.tree if plan.kind == "declared" else job.out
    taken = take(folder, name, job.out / "taken", noun="coverage")[:1]
    _refuse_stale(taken, before, "COVERAGE_STALE")
    return taken[0]


def _problem(code: str, message: str) -> Problem:
    return Problem(code=code, message=message)
