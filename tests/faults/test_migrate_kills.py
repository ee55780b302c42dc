"""kill -9 around the migration of a service's database; afterwards the schema is that of the release that serves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import product

import psutil
import pytest

from sluice.config.migrate import MigrateConfig
from sluice.failpoints import MOMENTS
from sluice.records.deploy import RollbackRecord
from tests.app_database import DOWN, UP, VERSION, AppDatabase, app_database, migration
from tests.deploy_parts import City, release, running_city, running_parts, wait_for
from tests.kill_parts import killed
from tests.postgres.parts import rows
from tests.postgres_server import TEMPLATE

pytestmark = pytest.mark.faults
ONE, TWO = release("one"), release("two")
BACK = migration(UP, down=DOWN)
FOR_GOOD = migration(UP)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[City, AppDatabase]]:
    folder = tmp_path_factory.mktemp("kills")
    with (
        running_parts(folder) as parts,
        parts.postgres.database(TEMPLATE) as database,
        app_database(parts.postgres) as shop,
        pytest.MonkeyPatch.context() as patch,
        running_city(folder, parts.socket, parts.admin, database) as city,
    ):
        patch.setenv("APP_DATABASE", shop.url)
        city.replicas = 1
        city.release(city.store(ONE))
        yield city, shop


def states(city: City) -> set[str]:
    return {state for (state,) in rows(city.engine, "SELECT state FROM migrations")}


def settled(city: City, shop: AppDatabase, name: str, version: int) -> None:
    city.settle()
    assert (city.serving(), shop.value(VERSION)) == (name, version)
    assert "running" not in states(city)
    assert [name for name in shop.beside() if "_scratch_" in name] == []


@pytest.mark.parametrize(("step", "moment"), list(product(("backup", "migrate", "health"), MOMENTS)))
def test_a_deploy_killed_around_its_migration(places: tuple[City, AppDatabase], step: str, moment: str) -> None:
    city, shop = places
    fresh = city.store(TWO)

    load = killed(city, (step, moment), lambda: city.release(fresh, migrate=BACK))

    assert load.failed == {}
    settled(city, shop, "one", 1)
    assert states(city) <= {"undone", "failed"}


def test_a_command_that_outlives_its_run_is_ended(places: tuple[City, AppDatabase]) -> None:
    city, shop = places
    fresh = city.store(TWO)
    slow = migration(f"{UP}; SELECT pg_sleep(600)", down=DOWN)
    mark = "SELECT count(*) FROM pg_stat_activity WHERE query = ' SELECT pg_sleep(600)' AND state = 'active'"
    city.open_run()
    pid = os.fork()
    if pid == 0:
        city.connect()
        city.release(fresh, migrate=slow)
        os._exit(0)
    wait_for(lambda: shop.value(mark) == 1, "the command's last statement", seconds=60)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    city.lose_run()
    (orphan,) = [each for each in psutil.process_iter() if is_command(each)]

    settled(city, shop, "one", 1)

    assert shop.value(mark) == 0
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def is_command(process: psutil.Process) -> bool:
    try:
        return process.environ().get("PGAPPNAME", "").startswith("sluice-")
    except psutil.Error:
        return False


@pytest.mark.parametrize(("step", "moment"), [("undo", "effect"), ("undo", "after"), ("start", "effect")])
def test_a_rollback_killed_before_the_switch_leaves_the_new_schema(
    places: tuple[City, AppDatabase], step: str, moment: str
) -> None:
    city, shop = places
    city.forget_fences()
    city.release(city.store(TWO), migrate=BACK)

    load = killed(city, (step, moment), lambda: city.rollback(migrate=BACK))

    assert load.failed == {}
    settled(city, shop, "two", 2)
    assert city.rollback(migrate=BACK).passed
    assert (city.serving(), shop.value(VERSION)) == ("one", 1)


@pytest.mark.parametrize("moment", ["before", "effect", "after"])
def test_a_restore_killed_anywhere_leaves_one_whole_database(places: tuple[City, AppDatabase], moment: str) -> None:
    city, shop = places
    city.forget_fences()
    city.release(city.store(TWO), migrate=FOR_GOOD)

    load = killed(city, ("restore", moment), lambda: back(city, FOR_GOOD))

    assert load.failed == {}
    settled(city, shop, "two", 2)
    assert back(city, FOR_GOOD).passed
    assert (city.serving(), shop.value(VERSION)) == ("one", 1)


def back(city: City, way: MigrateConfig) -> RollbackRecord:
    return city.rollback(migrate=way, restore_backup=True)
