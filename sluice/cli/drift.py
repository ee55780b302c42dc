"""`sluice drift`: what runs against what was recorded."""

from __future__ import annotations

import typer

from sluice.cli.projects import project_of
from sluice.cli.screen import out
from sluice.errors import ContractRejectedError


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("drift")(drift)


def drift(
    environment: str | None = typer.Argument(None, help="Environment; all of them if left out."),
    project: str | None = typer.Option(None, "--project", help="Project, where several have such an environment."),
) -> None:
    """Show what runs in an environment other than it was deployed (D04); exit code 16 when something does.

    Release, variables, secrets, limits and health of each replica are looked at; nothing is changed. The services do
    so every hour (flow `drift` in the Prefect UI). `sluice settle ENV` puts back what was deployed.

    Examples: `sluice drift` · `sluice drift production`.
    """
    from sluice.services.drift import look_at_all

    owner = project or (project_of(environment) if environment else None)
    found = look_at_all(environment, owner)
    for each in found:
        out.print(str(each), markup=False)
    if not found:
        out.print("Nothing was ever deployed.")
    drifted = [f"{each.project} {each.environment}" for each in found if each.problems]
    if drifted:
        raise ContractRejectedError(
            f"{', '.join(drifted)} {'is' if len(drifted) == 1 else 'are'} not as deployed",
            code="CONFIG_DRIFT",
            next_step="`sluice settle ENVIRONMENT` puts back what was deployed.",
        )
