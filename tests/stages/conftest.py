"""Fixtures over the real parts of a deploy; a test module imports the ones that it uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy_parts import City, Parts, running_city, running_parts
from tests.postgres_server import TEMPLATE


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    with running_parts(tmp_path_factory.mktemp("parts")) as running:
        yield running


@pytest.fixture
def city(parts: Parts, tmp_path: Path) -> Iterator[City]:
    with (
        parts.postgres.database(TEMPLATE) as database,
        running_city(tmp_path, parts.socket, parts.admin, database) as city,
    ):
        yield city
