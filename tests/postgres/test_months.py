"""Months of the big tables: there in time, dropped whole when old, and nothing else goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sluice.store import months
from sluice.store.engine import DatabaseUnavailableError, engine_for
from sluice.store.months import delete_strays, drop_old_months, make_months, old_months
from tests.postgres.command_line import command_line
from tests.postgres.parts import a_run, execute, one, rows

pytestmark = pytest.mark.postgres
SPLIT = "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace"
NOW = "date_trunc('month', now(), 'UTC')"


@pytest.fixture
def engine(fresh_database_url: str) -> Iterator[Engine]:
    engine = engine_for(fresh_database_url)
    yield engine
    engine.dispose()


def month_of(engine: Engine, table: str, months_ago: int) -> str:
    """Return the name of the partition of `table` that began so many months ago, made when it is missing."""
    first = f"{NOW} - make_interval(months => {months_ago})"
    bounds = f"SELECT ({first})::text, ({first} + interval '1 month')::text, to_char({first}, '_YYYY_MM')"
    ((since, until, name),) = rows(engine, bounds)
    execute(
        engine,
        f"CREATE TABLE IF NOT EXISTS {table}{name} PARTITION OF {table} FOR VALUES FROM ('{since}') TO ('{until}')",
    )
    return f"{table}{name}"


def a_case(engine: Engine, months_ago: int) -> None:
    execute(
        engine,
        "INSERT INTO test_results (execution_id, ordinal, start_time, test_id, status) VALUES"
        f" (gen_random_uuid(), 1, {NOW} - make_interval(months => {months_ago}) + interval '1 day', 't', 'passed')",
    )


def test_a_run_makes_the_months_that_are_missing(engine: Engine) -> None:
    split = [name for (name,) in rows(engine, SPLIT)]
    assert {"test_results", "findings"} <= set(split)
    assert make_months(engine)
    before = rows(engine, "SELECT * FROM v_months ORDER BY partition")
    for table in split:
        for ahead in (0, 1):
            execute(engine, f"DROP TABLE {month_of(engine, table, -ahead)}")
    a_run(engine)
    after = rows(engine, "SELECT * FROM v_months ORDER BY partition")
    assert [row[:4] for row in after] == [row[:4] for row in before]
    a_case(engine, 0)
    assert one(engine, "SELECT count(*) FROM test_results_default") == 0


def test_a_run_does_not_wait_for_a_held_table(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "LOCK_LIMIT", "50ms")
    missing = month_of(engine, "findings", -1)
    execute(engine, f"DROP TABLE {missing}")
    with engine.connect() as holder:
        holder.exec_driver_sql("LOCK TABLE findings IN ACCESS EXCLUSIVE MODE")
        assert not make_months(engine)
        a_run(engine)
    assert make_months(engine)
    assert one(engine, "SELECT to_regclass(:name)::text", name=missing) == missing


def test_old_months_are_dropped_whole_and_the_rest_stays(engine: Engine) -> None:
    a_run(engine)
    ages = (16, 15, 13, 2, 0)
    names = {age: month_of(engine, "test_results", age) for age in ages}
    for age in ages:
        a_case(engine, age)
    found = month_of(engine, "findings", 16)
    gone = [names[16], found, names[15]]
    gone.sort(key=lambda name: (name[-7:], name))
    assert [month.partition for month in old_months(engine, 400)] == gone
    kept = rows(engine, "SELECT ordinal, start_time FROM test_results WHERE start_time >= now() - interval '14 months'")
    runs = rows(engine, "SELECT * FROM pipeline_runs")

    dropped = drop_old_months(engine, 400, "ada")
    assert [month.partition for month in dropped] == gone
    assert all(month.bytes > 0 for month in dropped if month.table_name == "test_results")
    assert one(engine, "SELECT count(*) FROM v_months WHERE partition = ANY(:names)", names=gone) == 0
    assert rows(engine, "SELECT ordinal, start_time FROM test_results ORDER BY start_time") == sorted(
        kept, key=lambda row: row[1]
    )
    assert len(kept) == 3
    assert rows(engine, "SELECT * FROM pipeline_runs") == runs
    query = "SELECT actor, action, subject_kind, subject_id, detail FROM audit_events ORDER BY id"
    assert rows(engine, query) == [("ada", "drop_month", "table", name, {"keep_days": "400"}) for name in gone]
    assert drop_old_months(engine, 400, "ada") == ()


def test_a_month_in_use_is_dropped_later(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "LOCK_LIMIT", "50ms")
    name = month_of(engine, "test_results", 20)
    with engine.connect() as reader:
        reader.exec_driver_sql(f"SELECT count(*) FROM {name}")
        with pytest.raises(DatabaseUnavailableError):
            drop_old_months(engine, 400, "ada")
    assert [month.partition for month in drop_old_months(engine, 400, "ada")] == [name]
    assert one(engine, "SELECT count(*) FROM audit_events") == 1


def test_what_a_wrong_clock_brought_goes_too(engine: Engine) -> None:
    for age in (30, 29, 8):  # none of these months is there
        a_case(engine, age)
    assert one(engine, "SELECT count(*) FROM test_results_default") == 3
    assert delete_strays(engine, 400) == 2
    ((left,),) = rows(engine, "SELECT now() - start_time FROM test_results_default")
    assert left < timedelta(days=300)
    assert delete_strays(engine, 400) == 0


def test_a_young_month_cannot_be_dropped_by_name(engine: Engine) -> None:
    young = month_of(engine, "test_results", 0)
    for name in (young, "pipeline_runs"):
        with pytest.raises(Exception, match=r"not older|no rows"):
            execute(engine, "SELECT sluice_drop_month(:name, now())", name=name)
    assert one(engine, "SELECT count(*) FROM v_months WHERE partition = :name", name=young) == 1


def test_clean_says_what_it_dropped(
    engine: Engine,
    fresh_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, young = month_of(engine, "test_results", 16), month_of(engine, "test_results", 8)
    a_case(engine, 29)
    with command_line(fresh_database_url, tmp_path / "home", monkeypatch, capsys) as sluice:
        for words in (("--dry-run",), ()):
            status, out, err = sluice("clean", *words)
            assert (status, err) == (0, "")
            assert [line.split()[0] for line in out.splitlines() if line.startswith("test_results")] == [old]
        assert "1 rows outside of any month" in out
        assert one(engine, "SELECT to_regclass(:name)", name=old) is None
        assert young in sluice("clean", "--keep-days", "90")[1]
        assert sluice("clean", "--keep-days", "7")[0] == 2
