"""`sluice diff`: what differs between two runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import typer
from rich.text import Text

from sluice.cli.screen import mark, out, seconds
from sluice.database import database
from sluice.report.compare import compare
from sluice.report.difference import Difference, Side, Value
from sluice.report.document import plain_data
from sluice.report.words import plain, several, short
from sluice.store.read import Reader

SHOWN = 15


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("diff")(diff)


def diff(
    before: str = typer.Argument(..., help="The earlier run: an id, or its first characters."),
    after: str = typer.Argument("latest", help="The later run; the newest if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON (docs/report.md)."),
) -> None:
    """Say what differs between two runs: tests, durations, coverage, findings, packages, config, environment.

    Examples: `sluice diff 2ac0` (that run and the newest) · `sluice diff 2ac0 77be --json`.
    """
    reader = Reader(database())
    found = compare(reader, reader.resolve_run(before), reader.resolve_run(after))
    if as_json:
        typer.echo(json.dumps(plain_data(found), indent=2))
        return
    for line in lines(found):
        out.print(line)


def lines(found: Difference) -> Iterator[Text]:
    """Yield what differs, a heading a subject; subjects in which nothing differs are named at the end."""
    yield _side("before", found.before)
    yield _side("after ", found.after)
    same = []
    for title, told in _subjects(found).items():
        if not told:
            same.append(title)
            continue
        yield Text(f"\n{title}", "bold")
        yield from _some(told)
    if same:
        yield Text(f"\nthe same: {', '.join(same)}", "dim")


def _side(name: str, run: Side) -> Text:
    sign, colour = mark(run.state)
    words = f"{name}  run {run.id[:8]}  {plain(run.ref)} {(run.commit or '')[:10]}  "
    return Text(words).append(f"{sign} {run.state}", colour).append(f"  {seconds(run.seconds)}", "dim")


def _subjects(found: Difference) -> dict[str, Sequence[Text]]:
    return {
        "tests": list(_tests(found)),
        "durations": [
            Text(f"  {seconds(each.before):>8} → {seconds(each.after):<8} {plain(each.name)}",
                 "yellow" if each.after > each.before else "green")
            for each in found.durations
        ],
        "coverage": [
            Text(f"  {_percent(each.before):>6} → {_percent(each.after):<6} {plain(each.path) or 'everything'}",
                 "yellow" if (each.after or 0) < (each.before or 0) else "green")
            for each in found.coverage
        ],
        "findings": [
            Text(plain(f"  {sign} {each.severity} {each.rule}  {each.title}  {each.place}").replace("\n", " "), colour)
            for sign, colour, kind in (("+", "red", found.new_findings), ("-", "green", found.gone_findings))
            for each in kind
        ],
        "packages": list(_values(found.packages)),
        "config": [Text(f"  {plain(line)}") for line in found.config],
        "environment": list(_values(found.environment)),
    }  # fmt: skip


def _tests(found: Difference) -> Iterator[Text]:
    tests = found.tests
    if tests.before is None or tests.after is None:
        if tests.before != tests.after:
            yield Text(f"  the {'earlier' if tests.before is None else 'later'} run has no accepted tests", "yellow")
        return
    kinds = (
        ("newly red", "red", tests.newly_red),
        ("newly green", "green", tests.newly_green),
        ("new", "", tests.new),
        ("gone", "yellow", tests.gone),
    )
    for name, colour, ids in kinds:
        if ids:
            yield Text(f"  {name}: {several(len(ids), 'test')}", colour)
            yield from (Text(f"    {plain(each)}", colour) for each in ids[:SHOWN])
            if len(ids) > SHOWN:
                yield Text(f"    … and {len(ids) - SHOWN} more", "dim")


def _values(found: Iterable[Value]) -> Iterator[Text]:
    for each in found:
        before, after = (
            short(plain(side)) if side is not None else "(not there)" for side in (each.before, each.after)
        )
        yield Text(f"  {plain(each.name)}: {before} → {after}")


def _percent(rate: float | None) -> str:
    return "—" if rate is None else f"{rate:.1%}"


def _some(told: Sequence[Text]) -> Iterator[Text]:
    limit = SHOWN * 5
    yield from told[:limit]
    if len(told) > limit:
        yield Text(f"  … and {len(told) - limit} more; --json has them all", "dim")
