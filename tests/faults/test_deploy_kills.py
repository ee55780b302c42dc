"""kill -9 at every step of a deploy and of a rollback; afterwards exactly one release serves and nothing is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from sluice.failpoints import MOMENTS
from sluice.stages.deploy import deploy
from tests.deploy_parts import (
    City,
    Load,
    get,
    release,
    running_caddy,
    running_city,
    running_supervisor,
    wait_for,
)
from tests.postgres_server import TEMPLATE, migrated_postgres

pytestmark = pytest.mark.faults

DEPLOY_STEPS = ("prepare", "start", "health", "candidate", "verify", "switch", "confirm", "drain", "remove")
ROLLBACK_STEPS = ("start", "switch", "remove", "validate", "fence")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """One environment for all kills: each test goes on from what the one before it left settled."""
    folder = tmp_path_factory.mktemp("kills")
    with (
        running_supervisor(folder / "s") as socket_path,
        running_caddy(folder / "caddy") as admin,
        migrated_postgres() as postgres,
        postgres.database(TEMPLATE) as database,
        running_city(folder, socket_path, admin, database) as city,
    ):
        city.replicas = 1
        city.release(city.store(release("zero")))
        city.release(city.store(release("one")))
        yield city


def in_child(city: City, work: Callable[[], object], **environment: str) -> int:
    """Do `work` in a process of its own; return how that ended: its exit code, or minus the signal."""
    pid = os.fork()
    if pid == 0:
        os.environ.update(environment)
        city.connect()
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(city: City, step: str, moment: str, work: Callable[[], object]) -> None:
    city.open_run()
    code = in_child(city, work, SLUICE_FAILPOINT=f"{step}:{moment}:kill", SLUICE_ALLOW_FAILPOINTS="1")
    assert code == -signal.SIGKILL, f"{step}:{moment} was not reached"
    city.lose_run()


@pytest.mark.parametrize(("step", "moment"), list(product(DEPLOY_STEPS, MOMENTS)))
def test_a_deploy_killed_anywhere_is_settled(city: City, step: str, moment: str) -> None:
    before = city.serving()
    wanted = "two" if before == "one" else "one"
    fresh = city.store(release(wanted))

    killed_at(city, step, moment, lambda: city.release(fresh))
    assert get(city.url) in ((200, before), (200, wanted))
    started = time.monotonic()
    settled = city.settle()

    assert time.monotonic() - started < 10
    assert settled is not None
    took_over = DEPLOY_STEPS.index(step) > DEPLOY_STEPS.index("switch") or (step == "switch" and moment != "before")
    assert city.serving() == (wanted if took_over else before)
    assert set(city.states()) <= {"serving", "interrupted"}
    assert "started" not in {status for _, status in city.steps()}
    assert city.settle() == settled


@pytest.mark.parametrize(("step", "moment"), [*product(ROLLBACK_STEPS, ("effect",)), ("switch", "before")])
def test_a_rollback_killed_anywhere_is_settled(city: City, step: str, moment: str) -> None:
    city.forget_fences()
    before = city.serving()
    city.release(city.store(release("bad")))
    assert city.serving() == "bad"

    killed_at(city, step, moment, lambda: city.rollback(to=city.store(release(before)).digest))
    city.settle()

    switched = step not in ("start", "health") and (step, moment) != ("switch", "before")
    assert city.serving() == (before if switched else "bad")
    assert set(city.states("rollbacks")) <= {"serving", "interrupted"}
    city.forget_fences()
    city.release(city.store(release(before)))
    assert city.serving() == before


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
