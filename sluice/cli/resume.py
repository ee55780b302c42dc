"""`sluice resume`: going on with a run that did not end green, from what it recorded."""

from __future__ import annotations

import getpass
from uuid import uuid4

import typer
from rich.markup import escape

from sluice.cli.ending import RUN
from sluice.cli.screen import err
from sluice.records.request import PipelineRequest, Trigger
from sluice.services.lifecycle import ensure_up
from sluice.settings import Settings
from sluice.states import StageName


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("resume")(resume)


def resume(
    run: str = RUN,
    from_stage: StageName | None = typer.Option(None, "--from", help="Run this stage and all after it again."),
    failed_tests: bool = typer.Option(
        False, "--failed-tests", help="Run only the tests that were red; the others stand (pytest and unittest)."
    ),
    wait: bool = typer.Option(True, "--wait/--no-wait", help="Follow the run to its end."),
) -> int:
    """Go on with a run: the same commit and configuration, accepted stages are reused, the others run.

    The commit, sluice.yaml and plan are those that the run recorded, wherever its branch points now and in whichever
    folder you stand. Deploy and smoke act on an environment and are always done again.

    Examples: `sluice resume` (the latest run) · `sluice resume 1f2e3d4c` · `sluice resume latest --from build` ·
    `sluice resume --failed-tests`.
    """
    from sluice.cli.start import start_and_follow
    from sluice.database import database
    from sluice.store.pinned import pinned
    from sluice.store.read import Reader
    from sluice.store.resumption import refuse

    ensure_up(Settings(), lambda line: err.print(escape(line), style="dim"))
    found = pinned(database(), Reader(database()).resolve_run(run).id)
    assert found is not None
    refuse(found, from_stage, failed_tests=failed_tests)
    request = PipelineRequest.model_validate(
        {
            **found.request,
            "repository": found.repository,
            "fresh": False,
            "trigger": Trigger.CLI,
            "requested_by": getpass.getuser(),
            "run_id": str(uuid4()),
            "resumes": found.run_id,
            "from_stage": from_stage,
            "failed_tests": failed_tests,
        }
    )
    return start_and_follow(request, wait=wait)
