"""Asking Prefect for a run.

SQLAlchemy is imported once the run was asked for: that takes a third of a second, in which the worker takes it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from sluice.cli.screen import err, out
from sluice.config.git_head import current_branch
from sluice.errors import Exit, SluiceError
from sluice.records.request import PipelineRequest
from sluice.services.lifecycle import ensure_up
from sluice.settings import Settings
from sluice.states import RunState
from sluice.tools.prefect_api import PrefectApi

PIPELINE, ROLLBACK = "pipeline/sluice", "rollback/sluice"


def _nothing() -> None:
    """Do nothing meanwhile."""


def start_and_follow(request: PipelineRequest, *, wait: bool = True, meanwhile: Callable[[], None] = _nothing) -> int:
    """Ask Prefect for a pipeline run, follow it, show its end; return the exit code.

    What `meanwhile` does costs no time: the run is on its way.
    """
    place = Path(request.repository)
    ref = (current_branch(place) if request.ref == "HEAD" and place.is_dir() else None) or request.ref
    name = f"{place.name.removesuffix('.git')} {ref}"
    return start(
        PIPELINE, name, {"request": request.model_dump(mode="json")}, request.row(), request.run_id, wait, meanwhile
    )


def start(
    deployment: str,
    name: str,
    parameters: Mapping[str, object],
    row: Mapping[str, Any],
    run_id: str | None,
    wait: bool,
    meanwhile: Callable[[], None] = _nothing,
) -> int:
    """Ask for a run of `deployment`; with `wait`, follow it to its end and return its exit code.

    Args:
        row: what the run's row holds when it is opened.
    """
    assert run_id is not None, "the command line names its runs, to follow them"
    addresses = ensure_up(Settings(), lambda line: err.print(escape(line), style="dim"))
    api = PrefectApi(addresses)
    flow_run_id = _ordered(api, deployment, name, parameters, row, run_id)
    meanwhile()
    if not wait:
        out.print(f"run {run_id[:8]} · {api.flow_run_url(flow_run_id)}")
        return int(Exit.GREEN)
    from sluice.cli.watch import follow_to_end

    return follow_to_end(api, run_id, flow_run_id, f"run {run_id[:8]} · {name}")


def _ordered(
    api: PrefectApi,
    deployment: str,
    name: str,
    parameters: Mapping[str, object],
    row: Mapping[str, Any],
    run_id: str,
) -> str:
    """Have Prefect run it and open its row, which the flow opens too if it comes first.

    When Prefect may or may not have heard of it, the row is ended at once: then no flow can take it up.
    """
    try:
        flow_run_id = _asked(api, deployment, name, parameters, row, run_id)
        _open_row(run_id, row)
    except KeyboardInterrupt:
        _end_row(run_id, row, RunState.CANCELLED, "CANCELLED: stopped before it began", Exit.CANCELLED)
        raise
    return flow_run_id


def _asked(
    api: PrefectApi,
    deployment: str,
    name: str,
    parameters: Mapping[str, object],
    row: Mapping[str, Any],
    run_id: str,
) -> str:
    try:
        return api.create_flow_run(deployment, parameters, name=name, idempotency_key=run_id)
    except SluiceError as error:
        _end_row(run_id, row, RunState.ERRORED, str(error), error.exit_code)
        raise


def _open_row(run_id: str, row: Mapping[str, Any]) -> None:
    from sluice.database import database
    from sluice.store.runs import RunStore

    RunStore(database()).open_run(run_id, **row)


def _end_row(run_id: str, row: Mapping[str, Any], state: RunState, reason: str, exit_code: Exit) -> None:
    from sluice.database import database
    from sluice.store.runs import RunStore

    _open_row(run_id, row)
    RunStore(database()).finish_run(run_id, state, reason, int(exit_code))
