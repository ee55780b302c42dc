"""Lies of a rollback."""

from __future__ import annotations

import pytest

from sluice.records.deploy import RollbackRecord
from sluice.stages.backup import path_of
from sluice.stages.deploy import deploy, finish
from tests import factories
from tests.app_database import VERSION, app_database, migration
from tests.deploy_parts import City, Parts, release
from tests.faults.lies.case import Made, lie, twin

ONE, TWO, BAD = release("one"), release("two"), release("three")


def told(record: RollbackRecord) -> Made:
    """Return the record with what the runner knows."""
    return record, factories.facts()


def unproven(city: City) -> str:
    """Let a release take over whose smoke test never passed; return its digest."""
    wanted = city.store(TWO)
    with city.place() as place, city.hold(place):
        record = deploy(city.request(wanted), place, city.world)
        city.journal.mark_smoke(record.deployment_id, False)
        finish(record, place, city.world)
    return wanted.digest


@lie("R01")
def back_to_a_release_that_never_passed(city: City) -> Made:
    """somebody names a release whose smoke test failed here"""
    city.release(city.store(ONE))
    digest = unproven(city)
    city.release(city.store(BAD))
    return told(city.rollback(to=digest))


@twin("R01")
def back_to_a_release_that_passed(city: City) -> Made:
    """the last release that passed is chosen, not the newest"""
    city.release(city.store(ONE))
    unproven(city)
    city.release(city.store(BAD))
    return told(city.rollback())


def two_releases(city: City, *, gone: bool) -> Made:
    first = city.store(ONE)
    city.release(first)
    city.release(city.store(BAD))
    if gone:
        with city.place() as place:
            place.artifacts.path(first.artifact.sha256).unlink()
    return told(city.rollback())


@lie("R02")
def the_bundle_was_deleted(city: City) -> Made:
    """the bundle of the release to go back to was deleted"""
    return two_releases(city, gone=True)


@twin("R02")
def the_bundle_is_there(city: City) -> Made:
    """its bundle is in the store, unharmed"""
    return two_releases(city, gone=False)


def with_data(city: City, status: int) -> Made:
    asked = city.request(city.store(ONE))
    assert asked.service is not None
    words = ("python", "-c", f"import sys; print('schema 7, known is 6'); sys.exit({status})")
    service = asked.service.model_copy(update={"reads_data": words})
    with city.place() as place, city.hold(place):
        record = deploy(asked.model_copy(update={"service": service}), place, city.world)
        city.journal.mark_smoke(record.deployment_id, True)
        finish(record, place, city.world)
    city.release(city.store(BAD))
    return told(city.rollback())


@lie("R03")
def the_data_was_migrated(city: City) -> Made:
    """the bad release migrated the data, and the old one cannot read it"""
    return with_data(city, 1)


@twin("R03")
def the_data_can_be_read(city: City) -> Made:
    """the old release says that it can read the data"""
    return with_data(city, 0)


def after_a_migration(city: City, parts: Parts, *, flipped: bool) -> Made:
    way = migration()
    with app_database(parts.postgres) as shop, pytest.MonkeyPatch.context() as patch:
        patch.setenv("APP_DATABASE", shop.url)
        city.release(city.store(ONE))
        city.release(city.store(BAD), migrate=way)
        (view,) = city.journal.backups("greeter", "staging")
        file = path_of(city.home, "greeter", "staging", view.backup.id)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= flipped
        file.write_bytes(data)
        record = city.rollback(migrate=way, restore_backup=True)
        assert shop.value(VERSION) == (2 if flipped else 1)
    return told(record)


@lie("R04")
def one_byte_of_the_backup_was_flipped(city: City, parts: Parts) -> Made:
    """one byte of the backup that is to be put back was flipped on disk"""
    return after_a_migration(city, parts, flipped=True)


@twin("R04")
def the_backup_is_whole(city: City, parts: Parts) -> Made:
    """the backup is restored, its rows and schema are those of the dump"""
    return after_a_migration(city, parts, flipped=False)


@lie("R05")
def the_old_release_is_bad_too(city: City) -> Made:
    """the old release serves again, and fails its own smoke test"""
    for each in (ONE, BAD):
        city.release(city.store(each))
    return told(city.rollback(broken=True))


@twin("R05")
def the_old_release_is_well(city: City) -> Made:
    """the old release serves again, and passes"""
    for each in (ONE, BAD):
        city.release(city.store(each))
    return told(city.rollback())
