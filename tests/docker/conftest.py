"""One Docker engine, one registry and the base images, for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

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
