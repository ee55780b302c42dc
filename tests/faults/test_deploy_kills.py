"""kill -9 at every step of a deploy and of a rollback; afterwards exactly one release serves and nothing is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from sluice.config.watch import WatchConfig
from sluice.stages.deploy import deploy
from tests.deploy_parts import STEPS, City, Load, get, release, running_city, running_parts, wait_for
from tests.kill_parts import (
    ROLLBACK_STEPS,
    Point,
    canary_killed,
    deploy_killed,
    in_child,
    is_split,
    killed,
    looking,
    points,
    rollback_killed,
)
from tests.postgres_server import TEMPLATE

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """One environment for all kills: each test goes on from what the one before it left settled."""
    folder = tmp_path_factory.mktemp("kills")
    with (
        running_parts(folder) as parts,
        parts.postgres.database(TEMPLATE) as database,
        running_city(folder, parts.socket, parts.admin, database) as city,
    ):
        city.replicas = 1
        city.release(city.store(release("one")))
        city.release(city.store(release("two")))
        yield city


@pytest.mark.parametrize("point", points(STEPS), ids=":".join)
def test_a_deploy_killed_anywhere_is_settled(city: City, point: Point) -> None:
    deploy_killed(city, point, lambda name: city.store(release(name)))
    settled = city.settle()
    assert city.settle() == settled, "settling again changes nothing"


@pytest.mark.parametrize("point", points(("canary-50", "canary-60")), ids=":".join)
def test_a_canary_killed_anywhere_is_settled(city: City, point: Point) -> None:
    canary_killed(city, point, lambda name: city.store(release(name)))


def test_a_watch_that_is_killed_leaves_the_new_release_alone(city: City) -> None:
    fresh = city.store(release("two" if city.serving() == "one" else "one"))
    seen: list[bool] = []

    killed(
        city,
        ("watch", "before"),
        lambda: city.release(fresh, watch=WatchConfig(duration=30.0)),
        looking(seen),
    )

    assert seen == [True]
    assert city.serving() == fresh.version.partition("+")[0]
    assert not is_split(city)


@pytest.mark.parametrize("point", points(ROLLBACK_STEPS), ids=":".join)
def test_a_rollback_killed_anywhere_is_settled(city: City, point: Point) -> None:
    rollback_killed(city, point, lambda name: city.store(release(name)))


def test_sigterm_in_the_middle_of_a_deploy_cleans_up(city: City) -> None:
    before = city.serving()

    def stoppable() -> None:
        def stop(*_: object) -> None:
            raise SystemExit("told to stop")

        signal.signal(signal.SIGTERM, stop)
        with city.place() as place, city.hold(place):
            deploy(city.request(release("never", "unhealthy"), start_timeout=30.0), place, city.world)

    pid = os.fork()
    if pid == 0:
        city.connect()
        try:
            stoppable()
        except SystemExit:
            os._exit(42)
        os._exit(0)
    wait_for(lambda: len(city.target.sets("greeter", "staging")) == 2, "the new replicas")
    time.sleep(0.3)
    os.kill(pid, signal.SIGTERM)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
    assert city.serving() == before
    assert city.states()[-1] == "failed"


def test_what_serves_comes_back_after_everything_was_killed(city: City) -> None:
    """As after a reboot where the process manager forgot its programs and the proxy its routes."""
    before = city.serving()
    (replicas,) = city.target.sets("greeter", "staging")
    city.target.remove(replicas)
    city.caddy.remove(["greeter.staging", "greeter.staging.candidate"])
    assert get(city.url)[0] == 0

    settled = city.settle()

    assert settled is not None
    assert settled.version == f"{before}+good"
    assert city.serving() == before


def test_a_proxy_that_lost_its_routes_gets_them_back(city: City) -> None:
    before = city.serving()
    (replicas,) = city.target.sets("greeter", "staging")
    city.caddy.remove(["greeter.staging"])

    city.settle()

    assert city.target.sets("greeter", "staging") == (replicas,)
    assert city.serving() == before


def test_settling_a_healthy_environment_disturbs_nobody(city: City) -> None:
    city.settle()
    with Load(city.url) as load:
        for _ in range(5):
            city.settle()
        load.wait_for(20)

    assert load.failed == {}


def test_a_failpoint_without_permission_is_refused(city: City) -> None:
    before = city.serving()

    code = in_child(city, lambda: city.release(release("three")), SLUICE_FAILPOINT="start:effect:kill")

    assert code == 1
    city.settle()
    assert city.serving() == before
