"""Runs one framework and turns what is left behind into one `TestExecution`."""

from __future__ import annotations

import contextlib
import signal
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice import command, limits, masks
from sluice.logs.capped import capped_log
from sluice.records.testing import FailedTest, RunAgain, TestExecution
from sluice.settings import current_settings
from sluice.stages.testing import coverage, report, shard_tests
from sluice.stages.testing.again import GREEN, ids_of
from sluice.stages.testing.job import Job, Trace, read_trace, test_environment
from sluice.stages.testing.runners import RUNNERS
from sluice.stages.testing.shard_coverage import GATE
from sluice.stages.workplace import Workplace, now

GRACE_SECONDS = 10.0
CAPTURED_BYTES = 1 << 20  # of the output that is kept in memory: the log has it all
_FATAL = {128 + number for number in (4, 6, 7, 8, 9, 11, 15, 24, 25)}  # a shell's way to say "ended by a signal"


@dataclass(frozen=True)
class Outcome:
    """An execution, its red tests, and why it is not good (empty: it is)."""

    execution: TestExecution
    failures: tuple[FailedTest, ...]
    reason: str


@contextlib.contextmanager
def _log(job: Job, place: Workplace) -> Iterator[command.LineSink]:
    """Give a log that writes into the execution's own file and into the stage's log."""
    with capped_log(job.out / "output.log", current_settings().log_limit) as own:

        def log(line: str) -> None:
            own.write(masks.hide(line))
            place.log(line)

        yield log


def execute(job: Job, place: Workplace) -> Outcome:
    """Run the framework of `job`; nothing that the tests do makes this raise."""
    job.out.mkdir(parents=True, exist_ok=True)
    runner = RUNNERS[job.framework]
    measured = coverage.plan(job)
    words = runner.command(job, measured)
    with _log(job, place) as log:
        before = report.look_before(job, runner, measured)
        done, out_of_memory = _run(job, words, log)
        ended = now()
        trace = read_trace(job.events)
        found = report.read(job, runner, trace, before, place, log)
        summary, coverage_problem = report.read_coverage(job, measured, before, place, log)
    number = _signal(job, done)
    versions = job.environment.versions if job.environment else {}
    execution = TestExecution(
        framework=job.framework,
        framework_version=versions.get(runner.distribution, _python_version(job)),
        cell=job.request.cell,
        command=tuple(words),
        exit_code=done.exit_code,
        signal=number,
        timed_out=done.timed_out,
        out_of_memory=out_of_memory,
        started_at=before.started,
        ended_at=ended,
        wall_seconds=done.seconds,
        collected=trace.collected,
        collection=shard_tests.keep(job, trace, place),
        running=trace.running,
        coverage=summary,
        coverage_problem=coverage_problem,
        log=place.artifacts.put_file(job.out / "output.log", f"{job.file_name}.log", "text/plain"),
        peak_memory_bytes=done.peak_memory_bytes,
        cpu_seconds=done.cpu_seconds,
        environment=_environment(job),
        again=_again(job, trace, found.fields),
        **found.fields,
    )
    return Outcome(execution, found.failures, reason(execution, job))


def _again(job: Job, trace: Trace, fields: Mapping[str, Any]) -> RunAgain | None:
    """Return what the execution rests on when only some tests ran again; what was asked for and is not green counts.

    A runner that neither ran just these tests nor all of them has proven nothing.
    """
    wanted = job.request.only.get(job.framework)
    if wanted is None or (not trace.only and fields["total"] >= wanted.stands.stands + len(wanted.ids)):
        return None
    cases = job.out / "cases.csv"
    known = trace.only and fields.get("report_problem") is None
    green = set(ids_of(cases, GREEN)) if known and cases.is_file() else set()
    return wanted.stands.model_copy(update={"missing": tuple(name for name in wanted.ids if name not in green)})


def _run(job: Job, words: list[str], log: command.LineSink) -> tuple[command.Completed, bool]:
    """Run the words under the limits; return how it ended, and whether the kernel killed for want of memory."""
    config = job.request.config
    group = f"test-{job.run_id[:8]}-{uuid.uuid4().hex[:12]}"
    try:
        done = command.run(
            limits.wrap(words, memory_bytes=config.memory, cpus=None, name=group),
            cwd=job.tree,
            env=test_environment(job),
            timeout=config.timeout,
            log=log,
            merge=True,
            accept=None,
            grace=GRACE_SECONDS,
            keep=CAPTURED_BYTES,
        )
        return done, limits.oom_killed(group)
    finally:
        limits.remove(group)  # a daemon that left the process tree ends here


def _signal(job: Job, done: command.Completed) -> int | None:
    """Return the signal that ended the tests, also as a shell around them reports it."""
    if done.signal is not None or done.timed_out:
        return done.signal
    if job.framework == "command" and done.exit_code in _FATAL:
        return done.exit_code - 128
    return None


def _python_version(job: Job) -> str:
    return job.environment.interpreter.version if job.environment and job.framework == "unittest" else ""


def _environment(job: Job) -> dict[str, str]:
    found = job.environment
    gate = job.request.config.coverage.fail_under
    shared = {GATE: str(gate)} if gate is not None and job.request.cell.shards > 1 else {}
    if found is None:
        return shared
    return {
        **shared,
        "python": found.interpreter.version,
        "implementation": found.interpreter.implementation,
        "platform": found.interpreter.platform,
        "lock": found.lock_source,
        "lock_sha256": found.lock_sha256,
        "packages": str(len(found.versions)),
        "environment": found.key,
        **{name: found.versions[name] for name in ("coverage", "pytest-cov", "pytest-xdist") if name in found.versions},
    }


def reason(execution: TestExecution, job: Job) -> str:
    """Say in one line why the execution is not good; empty when it is."""
    name = execution.framework
    if execution.timed_out:
        where = f" in {execution.running[0]}" if execution.running else ""
        return f"{name} did not end within {job.request.config.timeout:g} s{where}"
    if execution.out_of_memory:
        return f"{name}: out of memory (limit {(job.request.config.memory or 0) >> 20} MiB)"
    if execution.signal is not None:
        where = f" in {execution.running[0]}" if execution.running else ""
        return f"{name} was ended by signal {execution.signal} ({_signal_name(execution.signal)}){where}"
    if execution.report_problem is not None:
        problem = execution.report_problem
        return f"{name} ended with exit code {execution.exit_code}; {problem.code}: {problem.message}"
    if execution.red:
        tail = ", though the exit code is 0" if execution.exit_code == 0 else ""
        return f"{execution.red} of {execution.total} tests failed{tail}"
    return _reason_of_green(execution, job)


def _reason_of_green(execution: TestExecution, job: Job) -> str:
    if execution.total == 0 and not (execution.cell.shards > 1 and execution.collected):
        return f"{execution.framework} found no tests (exit code {execution.exit_code})"
    if execution.again is not None and execution.again.missing:
        open_, asked = len(execution.again.missing), execution.again.asked
        return f"{execution.framework}: {open_} of {asked} tests that were to run again are not green"
    if execution.exit_code != 0:
        return f"{execution.framework} ended with exit code {execution.exit_code}, though no test failed"
    gate = job.request.config.coverage.fail_under
    if gate is not None and execution.cell.shards == 1:
        rate = execution.coverage.line_rate if execution.coverage else None
        if rate is None:
            return f"the coverage gate is {gate:g} %, and there is no coverage"
        if rate * 100 < gate:
            return f"coverage {rate:.1%} is below the gate of {gate:g} %"
    return ""


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return "unknown"
