"""`sluice findings`: which environments run a finding."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import typer

from sluice.cli.screen import out

COLOURS = {"critical": "red", "high": "red", "medium": "yellow"}
DIGEST_SHOWN = 19


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("findings")(findings)


def findings(
    environment: str | None = typer.Option(None, "--environment", help="Only this environment."),
    project: str | None = typer.Option(None, "--project", help="Only this project."),
    cve: str | None = typer.Option(None, "--cve", help="Only this CVE, or rule of a scanner."),
    running: bool = typer.Option(False, "--running", help="The release and the layer of each, too."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
) -> None:
    """List the findings of what serves, worst first: where, since when, in what, mended in which version.

    Findings of a release's own scan, and those that the nightly look has found since. The same in SQL:
    `select * from v_running_findings`.

    Examples: `sluice findings --cve CVE-2024-22195` · `sluice findings --environment production --json`.
    """
    from sluice.database import database
    from sluice.store.rescans import running_findings, unscanned

    rows = running_findings(database(), cve, project, environment)
    blind = unscanned(database(), project, environment)
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    for row in rows:
        out.print(line(row, datetime.now(UTC), running=running), markup=False, style=COLOURS.get(row["severity"], ""))
    if not rows:
        nowhere = f"{cve} is not known of what runs" if blind else f"{cve} runs nowhere"
        out.print(
            f"{nowhere if cve else 'No finding is known of what runs'}{' here' if environment or project else ''}."
        )
    if blind:
        out.print(
            f"Never looked through for vulnerabilities: {', '.join(blind)}. Set SLUICE_TRIVY_DB and run again.",
            style="yellow",
            markup=False,
        )


def line(row: dict[str, Any], now: datetime, *, running: bool) -> str:
    """Return a finding in one line."""
    where = f"{row['project']} {row['environment']}"
    what = " ".join(filter(None, (row["package"], row["version"]))) or row["path"] or ""
    parts = [f"{row['severity']:<8} {where:<28} {row['rule']:<18} {what}"]
    parts += [f"mended in {row['fixed_version']}"] if row["fixed_version"] else []
    parts += [f"known for {(now - row['first_seen']).days} days"]
    parts += ["newer than its scan"] if row["seen_by"] == "rescan" else []
    parts += ["waived"] if row["waived"] else []
    if row["from_base"] is not None:
        parts.append("of the base image" if row["from_base"] else "of the image's own layers")
    if running:
        parts.append(row["release_digest"][:DIGEST_SHOWN])
        parts += [f"layer {row['layer'][:DIGEST_SHOWN]}"] if row["layer"] else []
    return " · ".join(parts)
