"""All cases: importing this registers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Engine

from data_checks.registry import BY_CODE
from sluice.store.engine import engine_for
from tests.faults.lies import (  # noqa: F401 - they register their cases
    of_checkout,
    of_expected_failures,
    of_history,
    of_reports,
    of_tests,
)
from tests.faults.lies.case import CASES, Case, Side
from tests.postgres_server import TEMPLATE, migrated_postgres

__all__ = ["CASES", "begin_database", "table", "untold"]

BEGIN, END = "<!-- table: tests.faults.lies -->", "<!-- end of the lies -->"


@contextmanager
def begin_database() -> Iterator[Callable[[], Engine]]:
    """Give a function that starts Postgres when it is first called, and returns its tables."""
    with ExitStack() as stack:
        engines: list[Engine] = []

        def start() -> Engine:
            if not engines:
                server = stack.enter_context(migrated_postgres())
                engines.append(engine_for(stack.enter_context(server.database(TEMPLATE))))
                stack.callback(engines[0].dispose)
            return engines[0]

        yield start


def of(code: str, side: Side) -> list[Case]:
    """Return the cases of one code and side."""
    return [case for case in CASES if (case.code, case.side) == (code, side)]


def untold() -> list[str]:
    """Return the codes of checkout and tests that have no lie or no twin; `release_lies` has the others."""
    ours = [code for code in BY_CODE if code[0] in "CT"]
    return sorted(code for code in ours if not (of(code, Side.LIE) and of(code, Side.TWIN)))


def table(results: dict[Case, str]) -> str:
    """Return the Markdown table: a line a code, with its lies, its twins, and what became of them."""
    lines = ["| code | the lie that is told | | its honest twin | |", "|---|---|---|---|---|"]
    for code in sorted({case.code for case in CASES}):
        cells = [code]
        for side in Side:
            cases = of(code, side)
            cells.append("; ".join(case.words for case in cases))
            cells.append(", ".join(dict.fromkeys(results[case] for case in cases)))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def renew(document: str, results: dict[Case, str]) -> str:
    """Return the document with the table between its two marks made anew."""
    head, rest = document.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{table(results)}\n{END}{rest.split(END, 1)[1]}"


def promised() -> dict[Case, str]:
    """Return what must become of every case."""
    return {case: "caught" if case.side is Side.LIE else "passes" for case in CASES}
