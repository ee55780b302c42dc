"""Fixtures over real parts: a deploy's, and a repository with a home to check it out in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.settings import Home
from tests.deploy_parts import City, Parts, running_city, running_parts
from tests.planted import planted
from tests.postgres_server import TEMPLATE
from tests.repositories import Repository

__all__ = ["planted"]


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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "greeter")
    made.commit({"app.py": "print('hello')\n"}, "First")
    return made
