"""What the command line loads before a run is asked for: each hundredth of a second here is part of every run."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"sqlalchemy", "psycopg", "alembic", "pandas", "prefect", "great_expectations", "ruamel", "supervisor"}
LOADED = "import sys; from sluice.cli.main import mount; mount(['run']); print(*sys.modules)"


def test_run_loads_nothing_heavy_before_it_is_asked_for() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout.split()
    assert "sluice.cli.start" in loaded
    assert HEAVY & set(loaded) == set()
