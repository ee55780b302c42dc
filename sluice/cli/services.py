"""`sluice up`, `down`, `status`, `doctor`, `env`: the services and what they stand on."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from sluice.cli.screen import err, out
from sluice.errors import Exit, UsageError
from sluice.services import lifecycle
from sluice.services.addresses import load
from sluice.services.doctor import ToolReport
from sluice.services.doctor import doctor as examine
from sluice.services.environment import shell_env
from sluice.services.status import ServiceStatus, total_memory
from sluice.services.status import status as look
from sluice.settings import Settings

MIB = 2**20
COLOURS = {"good": "green", "note": "yellow", "bad": "red"}
MARKS = {"good": "✔", "note": "·", "bad": "✘"}


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)
    app.command("doctor")(doctor)
    app.command("env")(env)


def up(quiet: bool = typer.Option(False, "--quiet", "-q", help="Print the addresses only.")) -> None:
    """Start the services in the background and wait until all are ready; what runs already is left alone."""
    settings = Settings()
    addresses = lifecycle.up(settings, _silent if quiet else _tell)
    out.print(f"Prefect UI  {addresses.prefect_ui_url}", markup=False)
    if addresses.prefect_port is not None:
        out.print(f"login       {addresses.prefect_auth}", markup=False)


def down(
    purge: bool = typer.Option(False, "--purge", help="Remove all state too: results, artifacts, releases, secrets."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before removing."),
) -> None:
    """Stop all services and everything that was deployed here."""
    settings = Settings()
    if purge and not yes and settings.home.root.exists():
        _confirm(settings)
    lifecycle.down(settings, _tell, purge=purge)


def _confirm(settings: Settings) -> None:
    if not err.is_terminal:
        raise UsageError(
            "--purge removes everything, and there is nobody to ask",
            code="NOT_CONFIRMED",
            where=str(settings.home.root),
            next_step="Add --yes.",
        )
    typer.confirm(
        f"Remove {settings.home.root} with all results, artifacts, releases and secrets?", abort=True, err=True
    )


def status(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> int:
    """Show each service: state, version, process, address, age, memory. Exit code 20 when one is not well."""
    services = look(Settings())
    if as_json:
        _print_json({"services": [asdict(service) for service in services], "memory_bytes": total_memory(services)})
    elif out.is_terminal:
        out.print(_status_table(services))
    else:
        for service in services:
            out.print("  ".join(_status_cells(service)).rstrip(), markup=False)
    if not as_json:
        out.print(f"memory of all: {total_memory(services) / MIB:.0f} MiB")
    return int(Exit.GREEN if all(service.good for service in services) else Exit.INFRASTRUCTURE)


def doctor(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> int:
    """Show which program each tool is, what is missing and what that costs, and whether the set-up is safe."""
    reports = examine(Settings())
    if as_json:
        _print_json([asdict(report) for report in reports])
    elif out.is_terminal:
        out.print(_doctor_table(reports))
    else:
        for report in reports:
            words = [report.level, report.name, report.detail, report.path, report.cost]
            out.print("  ".join(filter(None, words)), markup=False)
    return int(Exit.INFRASTRUCTURE if any(report.level == "bad" for report in reports) else Exit.GREEN)


def env() -> None:
    """Print what a shell needs to use `prefect` with these services; it holds the login.

    Example: `eval "$(sluice env)"`, then `prefect deployment ls`.
    """
    settings = Settings()
    for name, value in shell_env(load(settings), settings).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _status_table(services: tuple[ServiceStatus, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("service", "state", "version", "pid", "address", "up for", "memory", ""):
        table.add_column(column, justify="right" if column in ("pid", "memory") else "left")
    for service in services:
        cells = [escape(cell) for cell in _status_cells(service)]
        colour = "green" if service.good else "yellow" if service.state == "starting" else "red"
        table.add_row(cells[0], f"[{colour}]{cells[1]}[/]", *cells[2:])
    return table


def _status_cells(service: ServiceStatus) -> list[str]:
    restarts = f"started again {service.restarts} times" if service.restarts else ""
    return [
        service.name,
        service.state,
        service.version,
        str(service.pid or ""),
        service.address,
        _age(service.started_at),
        f"{service.memory_bytes / MIB:.0f} MiB" if service.memory_bytes else "",
        "; ".join(filter(None, [service.problem, restarts])),
    ]


def _doctor_table(reports: tuple[ToolReport, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "found", "where", "what it costs"):
        table.add_column(column, overflow="fold")
    for report in reports:
        mark = f"[{COLOURS[report.level]}]{MARKS[report.level]}[/]"
        table.add_row(mark, report.name, escape(report.detail), escape(report.path), escape(report.cost))
    return table


def _age(since: datetime | None) -> str:
    if since is None:
        return ""
    seconds = max(0, int((datetime.now(UTC) - since).total_seconds()))
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, default=str, indent=2))


def _tell(line: str) -> None:
    err.print(line, style="dim", markup=False)


def _silent(_line: str) -> None:
    return None
