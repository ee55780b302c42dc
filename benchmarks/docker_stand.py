"""A Docker engine, a registry, the proxy and the journal, and one environment of containers on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deploy_parts import running_parts
from tests.docker_city import DockerCity, Images, running_docker_city
from tests.docker_parts import PYTHON, load, python_tar, running_engine, running_registry
from tests.postgres_server import TEMPLATE


@contextmanager
def running_stand() -> Iterator[tuple[DockerCity, Path]]:
    """Start all of it; give the environment, and a folder for files."""
    with (
        tempfile.TemporaryDirectory(prefix="sluice-stand-") as name,
        running_engine() as engine,
        running_registry() as registry,
        running_parts(Path(name)) as parts,
        parts.postgres.database(TEMPLATE) as database,
    ):
        folder = Path(name)
        load(engine, python_tar(folder / "python.tar"), PYTHON)
        images = Images(engine, registry)
        with running_docker_city(folder, parts.socket, parts.admin, database, images) as city:
            yield city, folder
