"""The real parts that the cases are made of: one Postgres, one proxy and one supervisor for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sluice.store.engine import engine_for
from tests.faults.lies.workshop import Workshop
from tests.faults.lies.world import World
from tests.postgres_server import TEMPLATE
from tests.scan_parts import Bench
from tests.stages.conftest import city, parts
from tests.wheels import make_wheel

__all__ = ["city", "parts"]


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Checkouts and tests; those that need a history learn it in a real Postgres."""
    with ExitStack() as stack:

        def database() -> Engine:
            postgres = request.getfixturevalue("parts").postgres
            engine = engine_for(stack.enter_context(postgres.database(TEMPLATE)))
            stack.callback(engine.dispose)
            return engine

        yield World(tmp_path, tmp_path_factory.getbasetemp() / "test-stage-home", database)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Scans of trees of files."""
    return Bench(tmp_path)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A repository and its builds; packages come from a folder."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "colours", "3.0")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    return Workshop(tmp_path, wheels)
