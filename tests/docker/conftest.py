"""One Docker engine, one registry and the base images, for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import docker
import pytest

from tests.deploy_parts import Parts, running_parts
from tests.docker_city import DockerCity, Images, running_docker_city
from tests.docker_parts import (
    BUSYBOX,
    PASSWORD,
    PYTHON,
    USER,
    Engine,
    Registry,
    busybox_tar,
    load,
    python_tar,
    running_engine,
    running_registry,
)
from tests.image_parts import Yard
from tests.planted import planted
from tests.postgres_server import TEMPLATE

__all__ = ["planted"]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A Docker engine of our own."""
    with running_engine() as running:
        yield running


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    """A client of that engine."""
    with engine.client() as client:
        yield client


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A registry that lets everybody in."""
    with running_registry() as running:
        yield running


@pytest.fixture(scope="session")
def private_registry() -> Iterator[Registry]:
    """A registry that asks for a login."""
    with running_registry((USER, PASSWORD)) as running:
        yield running


@pytest.fixture(scope="session")
def busybox(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image with busybox: sh, wget, httpd (2 MB)."""
    load(engine, busybox_tar(tmp_path_factory.mktemp("base") / "busybox.tar"), BUSYBOX)
    return BUSYBOX


@pytest.fixture(scope="session")
def python_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image with Python and busybox (60 MB)."""
    archive = python_tar(tmp_path_factory.mktemp("base") / "python.tar")
    load(engine, archive, PYTHON)
    archive.unlink()
    return PYTHON


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """The parts of a deploy that are no containers."""
    with running_parts(tmp_path_factory.mktemp("parts")) as running:
        yield running


@pytest.fixture(scope="session")
def images(engine: Engine, registry: Registry, python_image: str) -> Images:
    """Small servers as images, each made when it is first asked for."""
    assert python_image
    return Images(engine, registry)


@pytest.fixture(scope="module")
def city(parts: Parts, images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerCity]:
    """One environment of containers; each test of a module goes on from what the one before it left."""
    with (
        parts.postgres.database(TEMPLATE) as database,
        running_docker_city(tmp_path_factory.mktemp("city"), parts.socket, parts.admin, database, images) as city,
    ):
        yield city


@pytest.fixture
def yard(engine: Engine, registry: Registry, busybox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    """Builds of images by our engine into our registry, in a repository of the test's own."""
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    return Yard(tmp_path, registry, f"t{uuid4().hex[:12]}")
