"""The command line starts quickly: what it imports of the store brings nothing slow along."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.postgres

SLOW = ("alembic", "pydantic", "prefect", "pandas", "great_expectations", "asyncpg", "sluice.store.tables.all")


@pytest.mark.parametrize("module", ["sluice.store.runs", "sluice.store.read"])
def test_nothing_slow_comes_along(module: str) -> None:
    code = f"import sys, {module}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert module in loaded
    assert not loaded & set(SLOW)
    tables = {name for name in loaded if name.startswith("sluice.store.tables.")}
    assert tables <= {"sluice.store.tables.base", "sluice.store.tables.runs"}
