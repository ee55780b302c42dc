"""One server a session, migrated once into a template; one fresh database a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from sluice.store.engine import engine_for
from tests.postgres_server import TEMPLATE, PostgresServer, migrated_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private server with the migrated template database."""
    with migrated_postgres() as server:
        yield server


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database with Sluice's tables."""
    with postgres_server.database(TEMPLATE) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A pool of connections to the fresh database."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()
