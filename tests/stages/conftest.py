"""Fixtures over the real parts of a deploy; a test module imports the ones that it uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy_parts import City, running_caddy, running_city, running_supervisor
from tests.postgres_server import TEMPLATE, PostgresServer, migrated_postgres


@dataclass(frozen=True)
class Parts:
    socket: Path
    admin: str
    postgres: PostgresServer


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    folder = tmp_path_factory.mktemp("parts")
    with (
        running_supervisor(folder / "s") as socket_path,
        running_caddy(folder / "caddy") as admin,
        migrated_postgres() as postgres,
    ):
        yield Parts(socket_path, admin, postgres)


@pytest.fixture
def city(parts: Parts, tmp_path: Path) -> Iterator[City]:
    with (
        parts.postgres.database(TEMPLATE) as database,
        running_city(tmp_path, parts.socket, parts.admin, database) as city,
    ):
        yield city
