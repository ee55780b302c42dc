"""A service that dies printing its secret in twelve forms: no error, log of a run, artifact or row has one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice import masks
from sluice.errors import DeployFailedError
from tests.deploy_parts import City, release
from tests.planted import FORMS, VALUE, told_in
from tests.postgres.parts import rows

TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.fixture(autouse=True)
def only_here() -> Iterator[None]:
    masks.forget()
    yield
    masks.forget()


def files_of(city: City) -> list[Path]:
    """The runs' logs, the artifacts, and what is kept of releases and replicas."""
    folders = (city.home.runs, city.home.artifacts, city.home.root / "apps")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def cells_of(city: City) -> list[str]:
    """Every cell of every row of ours, as text."""
    tables = [name for (name,) in rows(city.engine, TABLES)]
    found = [cell for name in tables for row in rows(city.engine, f'SELECT * FROM "{name}"') for cell in row]
    return [cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str) for cell in found]


def test_no_form_of_a_secret_is_in_errors_logs_artifacts_or_rows(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", VALUE)

    with pytest.raises(DeployFailedError, match="REPLICA_FAILED") as caught:
        city.release(city.store(release("bad", "leaks")), replicas=1, secrets={"TOKEN": "env:PLANTED"})

    (own,) = (city.home.service_logs / "apps").rglob("1.log")
    printed = own.read_text()
    assert [form for form in FORMS if form not in printed] == [], "the service prints each of them, into its own log"
    assert caught.value.next_step.count("***") >= len(FORMS)
    told = [str(caught.value), caught.value.next_step, *(path.read_text(errors="replace") for path in files_of(city))]
    told += cells_of(city)
    assert len(told) > 30, "files and tables are looked at"
    assert any("REPLICA_FAILED" in each for each in told)
    assert told_in(told) == []
