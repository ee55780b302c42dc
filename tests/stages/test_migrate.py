"""The service's own database is migrated before the switch, and taken back when the release does not serve."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_checks.after_rollback import CONTRACT
from sluice.config.migrate import MigrateConfig
from sluice.errors import Exit, TransientError
from sluice.records.checks import BoundaryReport
from sluice.records.deploy import RollbackRecord
from sluice.stages.backup import path_of
from sluice.stages.deploy import deploy
from sluice.stages.deploy_migrate import MigrationFailedError
from sluice.states import CheckStatus
from tests import factories
from tests.app_database import DOWN, PASSWORD, UP, VERSION, AppDatabase, app_database, migration
from tests.deploy_parts import City, Parts, Unpacked, get, release
from tests.postgres.parts import rows

ONE, TWO = release("one"), release("two")
HALF = "ALTER TABLE orders ADD COLUMN note text; SELECT 1/0"
HALF_DOWN = "ALTER TABLE orders DROP COLUMN note"
NOTES = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'note' AND table_name = 'orders'"


@pytest.fixture
def shop(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppDatabase]:
    with app_database(parts.postgres) as found:
        monkeypatch.setenv("APP_DATABASE", found.url.replace("postgres@", f"postgres:{PASSWORD}@"))
        yield found


def states(city: City) -> list[str]:
    return [state for (state,) in rows(city.engine, "SELECT state FROM migrations ORDER BY started_at")]


def withdrawn(city: City, way: MigrateConfig) -> RollbackRecord:
    """Deploy TWO aside, let its smoke test fail, and roll back."""
    with city.place() as place, city.hold(place):
        record = deploy(city.request(TWO, migrate=way), place, city.world)
        city.journal.mark_smoke(record.deployment_id, False)
        return city.rollback(TWO, migrate=way)


def codes(record: RollbackRecord, state: CheckStatus = CheckStatus.FAILED) -> set[str]:
    report: BoundaryReport = CONTRACT.check(record, factories.facts())
    return {result.code for result in report.results if result.status is state}


def test_the_database_is_backed_up_and_migrated_before_anything_is_started(city: City, shop: AppDatabase) -> None:
    city.release(city.store(ONE))

    record = city.release(city.store(TWO), migrate=migration())

    assert [step.name for step in record.steps][:4] == ["prepare", "backup", "migrate", "start"]
    assert record.steps[2].detail == "1 → 2"
    assert (shop.value(VERSION), shop.value(NOTES), city.serving()) == (2, 1, "two")
    (view,) = city.journal.backups("greeter", "staging")
    assert (view.backup.version, view.backup.rows, view.removed_at) == ("1", 204, None)
    assert path_of(city.home, "greeter", "staging", view.backup.id).is_file()
    assert states(city) == ["done"]
    assert PASSWORD not in record.model_dump_json()
    assert {each.code: each.state for each in record.conditions}["D09"] == "holds"


def test_old_backups_go_and_their_rows_say_so(city: City, shop: AppDatabase) -> None:
    for name in ("one", "two", "three"):
        city.release(city.store(release(name)), migrate=migration("SELECT 1", keep=2))

    views = city.journal.backups("greeter", "staging")
    there = [path_of(city.home, "greeter", "staging", view.backup.id).is_file() for view in views]
    assert (there, [view.removed_at is None for view in views]) == ([True, True, False], [True, True, False])
    assert shop.value(VERSION) == 1


@pytest.mark.parametrize(
    ("way", "state", "notes", "told"),
    [
        (migration(HALF, down=HALF_DOWN), "undone", 0, "taken back to 1 by `down`"),
        (migration(HALF, restore=True), "restored", 0, "was put back"),
        (migration(HALF), "kept", 1, "its migration is not reversible"),
        (migration("SELECT 1/0"), "failed", 0, "the schema is as it was, 1"),
        (migration(HALF, down="SELECT 1/0"), "kept", 1, "`down` failed, python: exit code 1"),
        (migration(HALF, down="SELECT 1", version=None), "kept", 1, "`down` ended well and left"),
    ],
    ids=["down", "restore", "kept", "nothing", "bad-down", "idle-down"],
)
def test_a_migration_that_fails_stops_the_deploy_before_the_switch(
    city: City, shop: AppDatabase, way: MigrateConfig, state: str, notes: int, told: str
) -> None:
    city.release(city.store(ONE))

    with pytest.raises(MigrationFailedError, match="division by zero") as caught:
        city.release(city.store(TWO), migrate=way)

    assert caught.value.exit_code is Exit.DEPLOY_FAILED
    assert told in caught.value.next_step
    assert PASSWORD not in str(caught.value)
    assert (city.serving(), get(city.url)) == ("one", (200, "one"))
    assert (states(city), shop.value(NOTES)) == ([state], notes)
    assert city.states() == ["serving", "failed"]
    assert ("migrate", "failed") in city.steps()


def test_without_a_backup_nothing_is_migrated(city: City, shop: AppDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    city.release(city.store(ONE))
    monkeypatch.setenv("APP_DATABASE", f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/app")

    with pytest.raises(TransientError, match="APP_DATABASE_DOWN") as caught:
        city.release(city.store(TWO), migrate=migration())

    assert PASSWORD not in str(caught.value)
    assert (city.serving(), states(city), shop.value(VERSION)) == ("one", [], 1)


def test_a_bad_candidate_takes_its_migration_with_it(city: City, shop: AppDatabase) -> None:
    city.release(city.store(ONE))

    record = withdrawn(city, migration(UP, down=DOWN))

    assert [step.name for step in record.steps] == ["undo", "confirm", "validate", "fence", "withdraw"]
    assert (record.passed, record.data_readable, shop.value(NOTES)) == (True, True, 0)
    assert (states(city), city.serving()) == (["undone"], "one")


def test_what_cannot_be_taken_back_stays_and_the_old_release_proves_itself(city: City, shop: AppDatabase) -> None:
    city.release(city.store(ONE))

    record = withdrawn(city, migration(UP))

    assert (record.passed, record.data_readable, shop.value(VERSION)) == (True, None, 2)
    assert (states(city), city.serving(), codes(record)) == (["kept"], "one", set())


def test_going_back_past_a_migration_takes_it_back(city: City, shop: AppDatabase) -> None:
    way = migration(UP, down=DOWN)
    city.release(city.store(ONE))
    city.release(city.store(TWO), migrate=way)

    record = city.rollback(migrate=way)

    assert (record.passed, states(city), shop.value(NOTES), city.serving()) == (True, ["undone"], 0, "one")
    assert codes(record) == set()


def test_going_back_past_a_migration_that_stays_is_refused(city: City, shop: AppDatabase) -> None:
    city.release(city.store(ONE))
    city.release(city.store(TWO), migrate=migration(UP))

    record = city.rollback(migrate=migration(UP))

    assert (record.passed, record.data_readable, city.serving()) == (False, False, "two")
    assert "the migration 1 → 2 of sha256:" in record.data_problem
    assert codes(record) >= {"R03"}
    assert shop.value(VERSION) == 2


def test_a_backup_is_put_back_only_when_that_is_asked_for(city: City, shop: AppDatabase) -> None:
    city.release(city.store(ONE))
    city.release(city.store(TWO), migrate=migration(UP))
    shop.execute("INSERT INTO orders (id, customer, total) VALUES (201, 'late', 1)")

    record = city.rollback(migrate=migration(UP), restore_backup=True)

    (step,) = [step for step in record.steps if step.name == "restore"]
    assert "public.orders has 200 rows then, 201 now" in step.detail
    assert record.headline().endswith(f" · backup {step.detail}")  # what is lost is told where the run is followed
    assert (record.passed, record.backup_problem, codes(record)) == (True, "", set())
    assert (shop.value(VERSION), shop.value("SELECT count(*) FROM orders")) == (1, 200)
    assert (states(city), city.serving(), len(shop.beside())) == (["restored"], "one", 1)


def test_a_backup_that_was_asked_for_in_vain_is_told(city: City, shop: AppDatabase) -> None:
    city.release(city.store(ONE))
    city.release(city.store(TWO))

    record = city.rollback(restore_backup=True)

    assert (record.passed, record.backup_problem, city.serving()) == (True, None, "one")
    said = "".join(path.read_text() for path in city.home.run_logs(city.run_id).rglob("*") if path.is_file())
    assert "no backup is put back: no migration is newer than the release to go back to" in said
    assert shop.beside() == []


def test_a_harmed_backup_is_not_put_back(city: City, shop: AppDatabase) -> None:
    city.release(city.store(ONE))
    city.release(city.store(TWO), migrate=migration(UP))
    (view,) = city.journal.backups("greeter", "staging")
    path_of(city.home, "greeter", "staging", view.backup.id).write_bytes(b"")

    record = city.rollback(migrate=migration(UP), restore_backup=True)

    assert codes(record) >= {"R04"}
    assert (shop.value(VERSION), city.serving(), shop.beside()) == (2, "two", [])


def test_a_target_that_does_not_start_leaves_the_serving_release_its_schema(
    city: City, shop: AppDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = migration(UP, down=DOWN)
    city.release(city.store(ONE))
    city.release(city.store(TWO), migrate=way)
    server = city.home.releases / ONE.digest.removeprefix("sha256:") / "server.py"
    usual = city.target._unpack

    def broken(wanted: object, *more: object) -> Unpacked:
        if wanted != city.store(ONE):
            return usual(wanted, *more)  # type: ignore[no-any-return]
        server.write_text("raise SystemExit('the disk ate it')")
        return Unpacked(server.parent)

    monkeypatch.setattr(city.target, "_unpack", broken)
    with pytest.raises(Exception, match="the disk ate it"):
        city.rollback(migrate=way)

    assert (city.serving(), shop.value(VERSION), states(city)) == ("two", 2, ["done"])
