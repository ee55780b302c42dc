"""Tell every lie and every twin, and print what became of them; exit code 1 when one was not as promised."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.faults.lies.all import CASES, begin_database, promised, renew, table
from tests.faults.lies.case import told
from tests.faults.lies.world import World

with tempfile.TemporaryDirectory(prefix="sluice-lies-") as folder, begin_database() as database:
    results = {}
    for number, case in enumerate(CASES):
        place = Path(folder) / f"case-{number}"
        place.mkdir()
        results[case] = told(case, World(place, Path(folder) / "home", database))
        sys.stderr.write(f"{case.code} {case.side}: {results[case]}\n")
sys.stdout.write(table(results) + "\n")
for name in sys.argv[1:]:
    Path(name).write_text(renew(Path(name).read_text(), results))
sys.exit(results != promised())
