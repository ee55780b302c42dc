"""Each night: what runs, looked at again with today's vulnerability data. No build and no boundary depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event

from flows.run import end_flow
from sluice.errors import InfrastructureError
from sluice.records.rescan import Rescan
from sluice.records.scan import Finding
from sluice.services.rescan import rescan_all
from tasks.aside import aside, settle
from tasks.display import cell, table

EVENT = "sluice.finding.new"


@flow(name="rescan")
def rescan() -> State[Any] | None:
    """Look at every environment; tell of new findings by an event each, an artifact and the audit trail."""
    return end_flow(look)


def look() -> None:
    """Look, tell, and raise when something could not be looked at: silence would read as nothing found."""
    looks = rescan_all(get_run_logger().info)
    for each in looks:
        get_run_logger().log(30 if each.untold or each.problem else 20, str(each))
        tell(each)
    if looks:
        aside(lambda: create_markdown_artifact(summary(looks), key="sluice-rescan", description="What runs, today"))
    for failure in settle():
        get_run_logger().warning("not shown in the Prefect UI: %s", failure)
    blind = [each for each in looks if each.problem]
    if blind:
        raise InfrastructureError(
            "; ".join(map(str, blind)),
            code="RESCAN_BLIND",
            next_step="Look at SLUICE_TRIVY_DB and its age; nothing else is stopped by this.",
        )


def tell(found: Rescan) -> None:
    """Emit an event for each finding that was never told of: automations of Prefect notify whom they are to."""
    where = f"sluice.environment.{found.served.project}.{found.served.environment}"
    resource = {"prefect.resource.id": where, "prefect.resource.name": found.served.environment}
    for each in found.untold:
        detail = {"rule": each.rule, "package": each.package, "severity": each.severity.value}
        emit_event(EVENT, resource, payload={**detail, "release": found.served.release_digest})


def summary(looks: Sequence[Rescan]) -> str:
    """Return what was found as Markdown."""
    rows = [row(look, each) for look in looks for each in look.new]
    told = "\n".join(f"- {cell(str(look))}" for look in looks)
    head = ("where", "severity", "finding", "package", "mended in")
    return f"# What runs, with today's data\n\n{told}\n\n" + (table(head, rows) if rows else "")


def row(look: Rescan, each: Finding) -> tuple[str, ...]:
    """Return one finding as a row of the table."""
    where = f"{look.served.project} {look.served.environment}"
    return (where, each.severity.value, each.rule, f"{each.package} {each.version}", each.fixed_version or "")
