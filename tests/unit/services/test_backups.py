"""Which backups `sluice backup verify` proves: never none."""

from __future__ import annotations

import pytest

from sluice.errors import UsageError
from sluice.records.backup import Backup
from sluice.services.backups import chosen
from sluice.store.backups import BackupView
from tests.factories import NOW


def view(backup: str, environment: str, *, removed: bool = False) -> BackupView:
    made = Backup(
        id=backup,
        project="shop",
        environment=environment,
        database="db:5432/shop",
        server=16,
        tool="16.4",
        version="0001",
        schema_sha256="a" * 64,
        sha256="b" * 64,
        size=1,
        tables=(),
        taken_at=NOW,
    )
    return BackupView(made, None, None, NOW if removed else None)


NEWEST_FIRST = (
    view("c3", "staging", removed=True),
    view("b2", "staging"),
    view("a1", "production"),
    view("a0", "staging"),
)


def ids(wanted: str | None) -> list[str]:
    return [each.id for each in chosen(NEWEST_FIRST, wanted)]


def test_the_newest_that_is_kept_of_each_environment_or_those_that_are_named() -> None:
    assert ids(None) == ["b2", "a1"]
    assert ids("a") == ["a1", "a0"]


def test_to_prove_none_is_no_success() -> None:
    for views in ((), NEWEST_FIRST[:1]):
        with pytest.raises(UsageError, match="there is no backup to prove") as caught:
            chosen(views, None)
        assert caught.value.code == "BACKUP_NONE"
    with pytest.raises(UsageError, match=r"there is no such backup.*'ff'") as caught:
        chosen(NEWEST_FIRST, "ff")
    assert caught.value.code == "BACKUP_UNKNOWN"
