"""The pipeline: one commit, stage by stage, each through its boundary."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.project import checkout_facts, checkout_request, read_project, resolve
from flows.release import release_to
from flows.run import Run, end_flow, open_run
from flows.stage import BUILD, CHECKOUT, SCAN, TEST
from sluice.records.request import PipelineRequest


@flow(name="pipeline", persist_result=False, task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]
def pipeline(request: PipelineRequest) -> State[Any] | None:
    """Take one commit through checkout, test, build, scan, deploy and smoke test; roll back when it is bad."""
    return end_flow(lambda: stages(request))


def stages(request: PipelineRequest) -> None:
    """Run the stages that the project's plan has for this ref; each sees only accepted records."""
    with open_run(Run.of_pipeline(request)) as run:
        resolved, config = resolve(run, request)
        run.is_about(resolved, config)
        source = run.through(
            CHECKOUT, checkout_request(request, resolved, config), **checkout_facts(run, request, resolved)
        )
        project = read_project(run, request, source)
        tested = run.through(TEST, *project.test_requests(run), **project.test_facts(run))
        built = run.through(BUILD, project.build_request(), **project.build_facts(run))
        base = project.base_findings(run)
        scanned = run.through(SCAN, project.scan_request(built, base), **project.scan_facts(run, base))
        if project.environment is not None:
            release_to(
                run, project, source, tested, built=built, scanned=scanned, allow_downgrade=request.allow_downgrade
            )
