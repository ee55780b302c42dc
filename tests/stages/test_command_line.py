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


def test_what_was_printed_arrives_and_the_exit_code_is_kept() -> None:
    argv = [sys.executable, "-m", "sluice.cli.main"]
    schema = subprocess.run([*argv, "schema"], capture_output=True, text=True, check=False)
    assert schema.returncode == 0
    assert schema.stdout.endswith("}\n")
    wrong = subprocess.run([*argv, "nonsense"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "nonsense" in wrong.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    argv = f"{sys.executable} -m sluice.cli.main schema"
    done = subprocess.run(
        ["bash", "-c", f"{argv} | head -c 10; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
