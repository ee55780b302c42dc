"""Every lie that a boundary knows, by its code.

`python -m data_checks.registry` prints the table of them; with the path of a document it renews the table in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from data_checks import lies, lies_in_service, lies_in_tests
from data_checks.lie import Lie
from sluice.states import StageName

BEGIN, END = "<!-- table: python -m data_checks.registry -->", "<!-- end of table -->"

BY_CODE = {entry.code: entry for entry in lies.LIES + lies_in_tests.LIES + lies_in_service.LIES}


def lie(code: str) -> Lie:
    """Return the lie with this code; KeyError when the registry does not know it."""
    return BY_CODE[code]


def table() -> str:
    """Return the table of all lies in Markdown, one line a code, boundaries in the order of a run."""
    lines = ["| code | name | boundary | severity | the lie | what to do |", "|---|---|---|---|---|---|"]
    for stage in StageName:
        for entry in sorted((e for e in BY_CODE.values() if e.boundary is stage), key=lambda e: e.code):
            cells = (entry.code, f"`{entry.name}`", f"after {stage}", entry.severity, entry.lie, entry.next_step)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def renew(document: str) -> str:
    """Return the document with the table between its two marks made anew; ValueError without the marks."""
    head, rest = document.split(BEGIN, 1)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
        path.write_text(renew(path.read_text()))
    else:
        sys.stdout.write(table() + "\n")
