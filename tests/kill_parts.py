"""kill -9 in the middle of a deploy or a rollback, under load, and what has to be true when it was settled."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from itertools import product

from sluice.config.canary import CanaryConfig
from sluice.failpoints import MOMENTS
from sluice.records.build import Release
from tests.deploy_parts import STEPS, City, Load

ROLLBACK_STEPS = ("prepare", "start", "health", "switch", "confirm", "drain", "remove", "validate", "fence", "withdraw")
BY_HAND = 60.0  # seconds in which a killed move has to be settled
RATE = 20.0  # requests a second meanwhile

Point = tuple[str, str]


def points(steps: Sequence[str]) -> list[Point]:
    """Return every place where a move can be killed."""
    return list(product(steps, MOMENTS))


def third(steps: Sequence[str]) -> list[Point]:
    """Return each step once, at moments that take turns: what is done and not written of `switch` is among them."""
    turn = 1 - steps.index("switch")
    return [(step, MOMENTS[(number + turn) % len(MOMENTS)]) for number, step in enumerate(steps)]


def in_child(city: City, work: Callable[[], object], load: Load | None = None, **environment: str) -> int:
    """Do `work` in a process of its own; return how that ended: its exit code, or minus the signal.

    The child is made before the threads of `load` are: a fork copies locks that they hold.
    """
    waiting, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.read(waiting, 1)
        os.environ.update(environment)
        city.connect()
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(waiting)
    if load is not None:
        load.__enter__()
        load.wait_for(3)
    os.close(go)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(city: City, point: Point, work: Callable[[], object], after: Callable[[City], object] = City.settle) -> Load:
    """Kill `work` at a point and settle; return the load that ran all the time. Nothing of the move is left open.

    `after` is who settles: `sluice settle`, or the next run.
    """
    step, moment = point
    city.open_run()
    load = Load(city.url, RATE)
    try:
        code = in_child(city, work, load, SLUICE_FAILPOINT=f"{step}:{moment}:kill", SLUICE_ALLOW_FAILPOINTS="1")
        assert code == -signal.SIGKILL, f"{step}:{moment} was not reached"
        city.lose_run()
        began = time.monotonic()
        settled = after(city)
        assert time.monotonic() - began < BY_HAND
        load.wait_for(3)
    finally:
        load.__exit__()
    assert settled is not None
    assert load.failed == {}
    assert "started" not in {status for _, status in city.steps()}
    assert {*city.states(), *city.states("rollbacks")} <= {"serving", "interrupted"}
    return load


def deploy_killed(city: City, point: Point, make: Callable[[str], Release]) -> None:
    """Kill a deploy at a point; afterwards exactly one release serves, the one that the switch says."""
    before, wanted = _turns(city)
    fresh = make(wanted)

    load = killed(city, point, lambda: city.release(fresh))

    step, moment = point
    took_over = STEPS.index(step) > STEPS.index("switch") or (step == "switch" and moment != "before")
    assert city.serving() == (wanted if took_over else before)
    assert {body for _, body in load.answers} == ({before, wanted} if took_over else {before})


def rollback_killed(city: City, point: Point, make: Callable[[str], Release]) -> None:
    """Kill a rollback at a point; afterwards exactly one release serves, and the bad one is fenced once it is gone."""
    before, wanted = _turns(city)
    bad, target = make(before), make(wanted)

    killed(city, point, lambda: city.rollback(to=target.digest))

    step, moment = point
    at = ROLLBACK_STEPS.index(step)
    switched = at > ROLLBACK_STEPS.index("switch") or (step == "switch" and moment != "before")
    assert city.serving() == (wanted if switched else before)
    assert city.fences() == ({bad.digest} if switched else set())
    city.forget_fences()


def canary_killed(city: City, point: Point, make: Callable[[str], Release]) -> None:
    """Kill a canary at a point of a step; afterwards the release before it has all requests again."""
    before, wanted = _turns(city)
    fresh, seen = make(wanted), list[bool]()
    # Late answers are no difference here: a busy machine gives them to both.
    steps = CanaryConfig(weights=(50, 60), hold=0.5, min_requests=20, max_p95_increase=60.0)

    killed(city, point, lambda: city.release(fresh, strategy="canary", canary=steps), looking(seen))

    assert seen == [point != ("canary-50", "before")]
    assert city.serving() == before
    assert not is_split(city)


def looking(seen: list[bool]) -> Callable[[City], Release | None]:
    """Return who settles, having noted whether the proxy knows two releases."""

    def settle(city: City) -> Release | None:
        seen.append(is_split(city))
        return city.settle()

    return settle


def is_split(city: City) -> bool:
    """Tell whether some requests may be answered by another release than the one that serves."""
    return city.world.site("greeter", "staging", print).route.is_split()


def _turns(city: City) -> tuple[str, str]:
    """Return the name of the release that serves, and of the one that is to follow."""
    before = city.serving()
    return before, "two" if before == "one" else "one"
