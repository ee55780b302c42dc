"""Print the table of the lies, and renew it in the document that is named."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults.release_lies import BEGIN, END, load, table

load()
sys.stdout.write(table() + "\n")
for name in sys.argv[1:]:
    path = Path(name)
    head, rest = path.read_text().split(BEGIN, 1)
    path.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END, 1)[1]}")
