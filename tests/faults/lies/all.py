"""All cases, and the table of them: importing this registers them."""

from __future__ import annotations

from collections.abc import Mapping

from data_checks.registry import BY_CODE
from tests.faults.lies import (  # noqa: F401 - they register their cases
    of_build,
    of_checkout,
    of_deploy,
    of_expected_failures,
    of_history,
    of_reports,
    of_rollback,
    of_scan,
    of_smoke,
    of_tests,
)
from tests.faults.lies.case import CASES, Case, Side
from tests.faults.lies.of_images import OF_IMAGES

__all__ = ["CASES", "promised", "renew", "table", "untold"]

BEGIN, END = "<!-- table: tests.faults.lies -->", "<!-- end of the lies -->"
NEEDS_ENGINE = "needs an engine"
Results = Mapping[str, str]
"""What became of each case, by its name, and of each test of an image, by its node id."""


def of(code: str, side: Side) -> list[Case]:
    """Return the cases of one code and side."""
    return [case for case in CASES if (case.code, case.side) == (code, side)]


def untold() -> list[str]:
    """Return the codes that have no lie or no twin."""
    return sorted(code for code in BY_CODE if not (of(code, Side.LIE) and of(code, Side.TWIN)))


def table(results: Results) -> str:
    """Return the Markdown table: a line a code, with its lies, its twins, and what became of them."""
    lines = ["| code | the lie that is told | | its honest twin | |", "|---|---|---|---|---|"]
    for code in BY_CODE:
        cells = [code]
        for side in Side:
            cases = of(code, side)
            cells.append("; ".join(case.words for case in cases))
            cells.append(", ".join(dict.fromkeys(results.get(case.name, "not told") for case in cases)))
        lines.append(_line(cells))
        lines += [
            _line([f"{code} (image)", each.lie, _seen(results, each.test), each.twin, _seen(results, each.twin_test)])
            for each in OF_IMAGES
            if each.code == code
        ]
    return "\n".join(lines)


def _seen(results: Results, test: str) -> str:
    """Return what the test of tests/docker showed."""
    return f"{results[test]} ([tests/docker](../{test.partition('::')[0]}))" if test in results else NEEDS_ENGINE


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def renew(document: str, results: Results) -> str:
    """Return the document with the table between its two marks made anew."""
    head, rest = document.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{table(results)}\n{END}{rest.split(END, 1)[1]}"


def promised() -> dict[str, str]:
    """Return what must become of every case, and of every test of an image."""
    told = {case.name: case.side.promised for case in CASES}
    return told | {each.test: "caught" for each in OF_IMAGES} | {each.twin_test: "passes" for each in OF_IMAGES}
