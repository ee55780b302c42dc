"""kill -9 at every step of a deploy and a rollback of containers, and an engine that goes away in the middle of one.

CI kills once at each step, at moments that take turns; SLUICE_TEST_EVERY_KILL=1 goes through all of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from sluice.errors import SluiceError
from tests.deploy_parts import STEPS, Parts, get, wait_for
from tests.docker_city import DockerCity, Images, running_docker_city
from tests.kill_parts import ROLLBACK_STEPS, Point, canary_killed, deploy_killed, killed, points, rollback_killed, third
from tests.postgres_server import TEMPLATE

pytestmark = pytest.mark.docker

chosen = points if os.environ.get("SLUICE_TEST_EVERY_KILL") else third


@pytest.fixture(scope="module")
def city(parts: Parts, images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerCity]:
    with (
        parts.postgres.database(TEMPLATE) as database,
        running_docker_city(tmp_path_factory.mktemp("kills"), parts.socket, parts.admin, database, images) as city,
    ):
        city.replicas = 1
        city.release(images.release("one"))
        city.release(images.release("two"))
        yield city


@pytest.mark.parametrize("point", chosen(STEPS), ids=":".join)
def test_a_deploy_killed_anywhere_is_settled(city: DockerCity, point: Point) -> None:
    deploy_killed(city, point, city.images.release)


@pytest.mark.parametrize("point", chosen(ROLLBACK_STEPS), ids=":".join)
def test_a_rollback_killed_anywhere_is_settled(city: DockerCity, point: Point) -> None:
    rollback_killed(city, point, city.images.release)


def test_a_canary_killed_in_a_step_is_settled(city: DockerCity) -> None:
    canary_killed(city, ("canary-50", "effect"), city.images.release)


def test_the_next_run_settles_what_was_killed_and_takes_over(city: DockerCity) -> None:
    before = city.serving()
    dead, next_one = city.images.release("dead"), city.images.release("two" if before == "one" else "one")

    killed(city, ("candidate", "effect"), lambda: city.release(dead), lambda _: city.release(next_one))

    assert city.serving() == next_one.version.partition("+")[0]
    assert city.states()[-2:] == ["interrupted", "serving"]


def test_an_engine_restarted_in_the_middle_of_a_deploy_leaves_one_release(city: DockerCity) -> None:
    before = city.serving()
    slow = city.images.release("never", "unhealthy")
    ended: list[BaseException] = []

    def deploy() -> None:
        try:
            city.release(slow, start_timeout=60.0)
        except SluiceError as error:
            ended.append(error)

    thread = threading.Thread(target=deploy)
    thread.start()
    wait_for(lambda: len(city.containers()) == 2, "the new container", 60)
    city.images.engine.stop()
    thread.join(120)
    assert [error.code for error in ended if isinstance(error, SluiceError)] == ["ENGINE_DOWN"]

    city.images.engine.start()
    wait_for(lambda: get(city.url) == (200, before), "the old release", 60)
    city.settle()

    assert city.serving() == before
    assert set(city.states()) <= {"serving", "interrupted", "failed"}
