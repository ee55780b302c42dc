"""Runs one cell of the test matrix."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sluice import command
from sluice.records.common import ArtifactRef, ToolUse
from sluice.records.testing import TestExecution, TestRecord, TestRequest
from sluice.stages.testing.environment import Environment, prepare
from sluice.stages.testing.errors import TestSetupError
from sluice.stages.testing.execution import Outcome, execute
from sluice.stages.testing.inputs import inputs
from sluice.stages.testing.job import Job, setup_environment
from sluice.stages.testing.matrix import SHOWN_FAILURES
from sluice.stages.testing.runners import RUNNERS
from sluice.stages.workplace import Workplace, now
from sluice.tools import git, uv
from sluice.tools.meter import metered

PYTHON_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")


def run_tests(request: TestRequest, place: Workplace) -> TestRecord:
    """Run every framework of one cell in a clean workspace of its own.

    Red tests, a broken report, a time limit are in the record (`passed=False`, `reason`).

    Raises:
        TestSetupError: the project's environment or a setup command fails: there is nothing to test in.
        PythonMissingError: the cell names a Python that is not here.
        TransientError: the network or the package index failed.
    """
    started = now()
    if request.config.skip is not None:
        return _skipped(request, place, started)
    with metered() as meter:
        outcomes = _outcomes(request, place)
    uses = meter.uses(uv=uv.version(place.home.cache))
    return _record(request, place, started, outcomes, uses)


def _outcomes(request: TestRequest, place: Workplace) -> list[Outcome]:
    """Make the workspace and the environment, then run one framework after the other."""
    folder = place.workspace / request.cell.label
    tree = folder / place.context.project
    git.materialise(request.source, tree, log=place.log)
    outcomes: list[Outcome] = []
    with _temporary() as temporary:
        environment = _environment(request, tree, folder / "env", place)
        for framework in frameworks(request):
            job = Job(
                request=request,
                framework=framework,
                tree=tree,
                out=folder / "out" / framework,
                environment=environment,
                temporary=temporary,
                run_id=place.context.run_id,
            )
            if not outcomes:
                _set_up(job, place)
            outcomes.append(execute(job, place))
    return outcomes


def frameworks(request: TestRequest) -> tuple[str, ...]:
    """Return the frameworks that this cell runs: `command` cannot be split, so the first shard runs it whole."""
    return tuple(name for name in request.config.frameworks if name != "command" or request.cell.shard == 1)


def _skipped(request: TestRequest, place: Workplace, started: datetime) -> TestRecord:
    return TestRecord(
        run_id=place.context.run_id,
        started_at=started,
        ended_at=now(),
        passed=True,
        skipped=True,
        reason=request.config.skip or "",
        inputs=inputs(request),
        commit=request.source.commit,
        executions=(),
    )


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    """Give the tests a short TMPDIR: the path of a unix socket has room for 108 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(request: TestRequest, tree: Path, folder: Path, place: Workplace) -> Environment | None:
    """Make the Python environment; None where nothing needs one."""
    config = request.config
    chosen = frameworks(request)
    only_command = all(name == "command" for name in chosen)
    declares = config.packages or config.groups or config.extras or config.requirements or request.cell.python
    if only_command and not declares and not any((tree / name).is_file() for name in PYTHON_FILES):
        return None
    runners = [requirement for name in chosen for requirement in RUNNERS[name].requirements]
    if config.coverage.enabled and not only_command:
        runners.append("coverage")
    return prepare(tree, config, request.cell.python, runners, folder, place)


def _set_up(job: Job, place: Workplace) -> None:
    """Run the declared setup commands."""
    for words in job.request.config.setup:
        done = command.run(
            words,
            cwd=job.tree,
            env=setup_environment(job, place.home.cache),
            timeout=job.request.config.timeout,
            log=place.log,
            merge=True,
            accept=None,
        )
        if done.exit_code != 0 or done.timed_out:
            how = "did not end in time" if done.timed_out else f"ended with exit code {done.exit_code}"
            raise TestSetupError(
                f"the setup command {how}",
                where="test.setup",
                found=" ".join(words),
                next_step=f"Its last lines:\n{done.tail(12)}",
            )


def _record(
    request: TestRequest, place: Workplace, started: datetime, outcomes: list[Outcome], uses: tuple[ToolUse, ...]
) -> TestRecord:
    executions = tuple(outcome.execution for outcome in outcomes)
    reasons = [outcome.reason for outcome in outcomes if outcome.reason]
    if not outcomes and request.cell.shard == 1:
        reasons = ["no test framework is declared or was detected"]
    return TestRecord(
        run_id=place.context.run_id,
        started_at=started,
        ended_at=now(),
        passed=not reasons,
        reason="; ".join(reasons)[:1000],
        tools=(*(_tool(execution) for execution in executions), *uses),
        artifacts=tuple(ref for execution in executions for ref in _artifacts(execution)),
        inputs=inputs(request),
        commit=request.source.commit,
        executions=executions,
        failures=tuple(failure for outcome in outcomes for failure in outcome.failures)[:SHOWN_FAILURES],
    )


def _tool(execution: TestExecution) -> ToolUse:
    return ToolUse(
        name=execution.framework,
        version=execution.framework_version,
        exit_code=execution.exit_code,
        seconds=execution.wall_seconds,
    )


def _artifacts(execution: TestExecution) -> list[ArtifactRef]:
    files = execution.coverage.files if execution.coverage else None
    refs = (execution.report, execution.cases, execution.collection, execution.log, files)
    return [ref for ref in refs if ref is not None]
