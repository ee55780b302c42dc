"""A database of another schema: nobody writes to it, nobody reads it wrongly, and both versions are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.database import database
from sluice.store import migrate
from sluice.store.engine import engine_for
from sluice.store.guard import guarded
from sluice.store.ingest import Ingest
from sluice.store.migrate import SchemaNewerError, SchemaOlderError
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.command_line import Answer, command_line
from tests.postgres.parts import a_run, execute
from tests.postgres.test_ingest import accepted, contents, rejected, stage_of

pytestmark = pytest.mark.postgres


@pytest.fixture
def engine(fresh_database_url: str) -> Iterator[Engine]:
    engine = guarded(engine_for(fresh_database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def sluice(
    fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Answer]]:
    with command_line(fresh_database_url, tmp_path / "home", monkeypatch, capsys) as sluice:
        yield sluice


def migrated_to(engine: Engine, version: str) -> None:
    execute(engine, "UPDATE alembic_version SET version_num = :version", version=version)


def test_a_connection_to_a_newer_schema_is_refused(engine: Engine, fresh_database_url: str) -> None:
    run_id = a_run(engine)
    migrated_to(engine, "9999")
    before = contents(engine)
    engine.dispose()
    with pytest.raises(SchemaNewerError) as caught:
        RunStore(engine).open_run(str(uuid4()), project="p", repository="/r", requested_ref="main", trigger="cli")
    assert (caught.value.found, caught.value.allowed.split()[0]) == ("9999", migrate.head())
    with pytest.raises(SchemaNewerError):
        RunStore(engine).request_cancel(run_id, "ada")
    unguarded = engine_for(fresh_database_url)
    assert contents(unguarded) == before
    unguarded.dispose()


def test_what_is_connected_already_writes_no_stage_and_begins_no_run(engine: Engine, tmp_path: Path) -> None:
    run_id = a_run(engine)
    record = factories.build(run_id=run_id)
    stage = stage_of(engine, record)
    ingest, report = Ingest(engine, ArtifactStore(tmp_path)), accepted(record.STAGE)
    migrated_to(engine, "9999")
    before = contents(engine)
    for write in (
        lambda: ingest.accept(stage, record, report),
        lambda: ingest.reject(stage, record, rejected(record.STAGE)),
        lambda: ingest.reuse(stage, record),
        lambda: RunStore(engine).start_run(run_id, owner="host:1"),
    ):
        with pytest.raises(SchemaNewerError):
            write()
    assert contents(engine) == before
    migrated_to(engine, migrate.head())
    ingest.accept(stage, record, report)
    assert contents(engine) != before


@pytest.mark.parametrize(("version", "code"), [("9999", "SCHEMA_NEWER"), ("0001", "SCHEMA_OLDER")])
@pytest.mark.parametrize("words", [("sql", "select 1"), ("sql", "--json", "select 1"), ("report",), ("runs",)])
def test_commands_name_both_versions(
    sluice: Callable[..., Answer], engine: Engine, words: tuple[str, ...], version: str, code: str
) -> None:
    migrated_to(engine, version)
    status, out, err = sluice(*words)
    assert (status, out) == (20, "")
    assert err.startswith(f"{code}: ")
    assert f"found '{version}'" in err
    assert f"{migrate.head()} (Sluice " in err
    assert "Traceback" not in err


def test_only_up_migrates_an_older_schema(sluice: Callable[..., Answer], engine: Engine) -> None:
    migrated_to(engine, "0001")
    with pytest.raises(SchemaOlderError, match="older schema"):
        database().connect()
    before = contents(engine)
    assert sluice("runs")[0] == 20
    assert contents(engine) == before
