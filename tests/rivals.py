"""Two runs that deploy to one environment of containers at the same moment, round after round."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sluice.records.build import Release
from sluice.records.common import StageContext
from sluice.stages.deploy import deploy, finish, hold
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from sluice.store.engine import engine_for
from sluice.store.journal import Journal
from sluice.store.queue import SupersededError
from tests.docker_city import DockerCity
from tests.postgres.parts import a_run, rows

NAMES = ("one", "two", "three")
# Pairs of deployments of one environment whose first and last steps enclose a moment in common.
OVERLAPS = """
WITH spans AS (
    SELECT deployment_id, min(started_at) AS begun, max(coalesce(ended_at, started_at)) AS ended
    FROM deployment_steps GROUP BY 1
)
SELECT a.deployment_id, b.deployment_id FROM spans a JOIN spans b ON a.deployment_id < b.deployment_id
WHERE a.begun < b.ended AND b.begun < a.ended
"""


@dataclass
class Seen:
    """What became of the deploys, how many sets of containers stood at once, and which deploys overlapped."""

    outcomes: Counter[str] = field(default_factory=Counter)
    most_sets: int = 0
    overlaps: list[tuple[object, ...]] = field(default_factory=list)


def play(city: DockerCity, rounds: int) -> Seen:
    """Let two runs deploy at once, `rounds` times; after each exactly one release serves, nothing else is left."""
    seen = Seen()
    with watched(city, seen):
        for _ in range(rounds):
            serves = city.serving() if city.containers() else ""
            rivals = [city.images.release(name) for name in NAMES if name != serves][:2]
            start = threading.Barrier(2)
            with ThreadPoolExecutor(2) as pool:
                seen.outcomes.update(pool.map(lambda each, gate=start: one(city, each, gate), rivals))
            assert city.serving() in {each.version.partition("+")[0] for each in rivals}
    seen.overlaps = rows(city.engine, OVERLAPS)
    return seen


def one(city: DockerCity, release: Release, gate: threading.Barrier) -> str:
    """Deploy as a run of its own does, with a pool of its own; return what became of it."""
    engine = engine_for(city.database)
    try:
        run_id = a_run(engine)
        world = replace(city.world, journal=Journal(engine))
        context = StageContext(run_id=run_id, project="greeter", stage=StageName.DEPLOY, home=str(city.home.root))
        with open_workplace(context) as place:
            gate.wait(60)
            try:
                with hold(world, "greeter", "staging", run_id, place.log, f"deploy {release.digest[:19]}"):
                    record = deploy(city.request(release), place, world)
                    world.journal.mark_smoke(record.deployment_id, True)
                    finish(record, place, world)
            except SupersededError:
                return "superseded"
            return "deployed"
    finally:
        engine.dispose()


@contextmanager
def watched(city: DockerCity, seen: Seen) -> Iterator[None]:
    """Count the sets of containers all the while, by asking the engine."""
    done = threading.Event()

    def count() -> None:
        with city.images.engine.client() as client:
            while not done.is_set():
                found = client.api.containers(all=True, filters={"label": "io.sluice.group"})
                seen.most_sets = max(seen.most_sets, len({each["Labels"]["io.sluice.group"] for each in found}))

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
