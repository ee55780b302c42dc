"""One server a session, migrated once; each test finds empty tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from sluice.store.engine import engine_for
from tests.postgres_server import TEMPLATE, PostgresServer, empty, migrated_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private server with the migrated template database."""
    with migrated_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _shared_database(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database(TEMPLATE) as url:
        yield url


@pytest.fixture
def database_url(_shared_database: str) -> Iterator[str]:
    """A database with Sluice's tables, all empty. Not for tests that change the schema."""
    yield _shared_database
    empty(_shared_database)


@pytest.fixture
def fresh_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database for this test alone, which may change its schema."""
    with postgres_server.database(TEMPLATE) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A pool of connections to the empty tables."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()
