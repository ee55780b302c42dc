"""`sluice approve` and `sluice reject`: the word of somebody who is not the author."""

from __future__ import annotations

import getpass

import typer

from sluice.cli.screen import out
from sluice.errors import DeployRefusedError, UsageError


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command("approve")(approve)
    app.command("reject")(reject)


def approve(
    run_id: str = typer.Argument("latest", help="Run that waits, or the beginning of its id."),
    reason: str = typer.Option("", "--reason", help="Why; recorded with your name."),
) -> None:
    """Let a run that waits for an approval deploy. You must be one of the environment's `approvers`, not the author.

    Example: `sluice approve 3f0f6c1e`.
    """
    _decide(run_id, "approve", reason)


def reject(
    run_id: str = typer.Argument("latest", help="Run that waits, or the beginning of its id."),
    reason: str = typer.Option(..., "--reason", help="Why; recorded with your name."),
) -> None:
    """End a run that waits for an approval; nothing is deployed.

    Example: `sluice reject 3f0f6c1e --reason "not before the fair"`.
    """
    _decide(run_id, "reject", reason)


def _decide(name: str, verdict: str, reason: str) -> None:
    from sluice.database import database
    from sluice.records.approval import refuse_wrong_approver
    from sluice.services.addresses import load
    from sluice.settings import Settings
    from sluice.store.approvals import Approvals
    from sluice.store.declarations import last_declared
    from sluice.store.read import Reader
    from sluice.tools.prefect_api import PrefectApi

    view = Reader(database()).resolve_run(name)
    rows, who = Approvals(database()), getpass.getuser()
    question = rows.waiting(view.id)
    if question is None or view.prefect_flow_run_id is None:
        raise UsageError(
            f"run {view.id[:8]} waits for nobody's word", code="NOT_WAITING", found=view.state, where="sluice runs"
        )
    declared = last_declared(database(), question.project, question.environment) or {}
    approvers = declared.get("environments", {}).get(question.environment, {}).get("approvers", ())
    try:
        refuse_wrong_approver(who, approvers, question.author, f"environments.{question.environment}.approvers")
    except DeployRefusedError as error:
        rows.refused(view.id, question.project, question.environment, who, error.code, error.message)
        raise
    word = {"approver": who, "verdict": verdict, "reason": reason}
    PrefectApi(load(Settings())).resume(view.prefect_flow_run_id, word)
    done = "may deploy" if verdict == "approve" else "is ended"
    out.print(f"run {view.id[:8]} {done}: {question.release_digest[:19]} to {question.environment}", markup=False)
