"""Roll-ups of test results: what the rows say, once, whenever it is asked, and after the rows are gone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sluice.artifacts import ArtifactStore
from sluice.store.engine import DatabaseUnavailableError, engine_for
from sluice.store.ingest import Ingest
from sluice.store.months import drop_old_months
from sluice.store.rollups import roll_up
from tests import factories
from tests.postgres.parts import a_run, one, rows
from tests.postgres.test_ingest import STATUSES, accepted, execution, record_of, stage_of
from tests.postgres.test_months import month_of

pytestmark = pytest.mark.postgres
TOTALS = """
SELECT branch, week::text, test_id, sum(cases), sum(passed), sum(red), sum(skipped), sum(timed), sum(seconds),
       max(slowest), sum(flaky)
FROM v_test_weeks GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
DIRECT = """
SELECT coalesce(r.ref_name, r.requested_ref), date_trunc('week', e.start_time, 'UTC')::date::text, t.test_id, count(*),
       count(*) FILTER (WHERE t.status IN ('passed', 'xfailed')), count(*) FILTER (WHERE t.status = 'failed'),
       count(*) FILTER (WHERE t.status = 'skipped'), count(duration), coalesce(sum(duration), 0), max(duration),
       count(*) FILTER (WHERE t.status = 'flaky')
FROM test_results t JOIN test_executions e ON e.id = t.execution_id JOIN stage_runs s ON s.id = e.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
RED = [*STATUSES[:-1], "failed"]
FLAKY = [*STATUSES[:-1], "flaky"]


@pytest.fixture
def engine(fresh_database_url: str) -> Iterator[Engine]:
    engine = engine_for(fresh_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def ingest(engine: Engine, tmp_path: Any) -> Ingest:
    return Ingest(engine, ArtifactStore(tmp_path / "artifacts"))


def a_report(engine: Engine, ingest: Ingest, statuses: list[str], *, branch: str = "main", days: int = 0) -> None:
    began = factories.STARTED - timedelta(days=days)
    exits = 1 if "failed" in statuses else 0
    times = {"started_at": began, "ended_at": began + timedelta(seconds=2), "exit_code": exits}
    record = record_of(a_run(engine, requested_ref=branch), execution(ingest.artifacts, statuses, **times))
    ingest.accept(stage_of(engine, record), record, accepted())


def test_the_view_says_what_the_rows_say_before_and_after(engine: Engine, ingest: Ingest) -> None:
    for statuses, branch, days in ((STATUSES, "main", 0), (RED, "main", 1), (FLAKY, "topic", 0), (FLAKY, "main", 30)):
        a_report(engine, ingest, statuses, branch=branch, days=days)
    direct = rows(engine, DIRECT)
    assert len(direct) > 24
    assert rows(engine, TOTALS) == direct
    assert one(engine, "SELECT count(*) FROM test_weeks") == 0
    assert roll_up(engine) == 4
    assert one(engine, "SELECT sum(cases) FROM test_weeks") == 48
    assert rows(engine, TOTALS) == direct
    assert roll_up(engine) == 0
    assert one(engine, "SELECT sum(flaky) FROM test_weeks") == 2
    assert one(engine, "SELECT sum(flaky_tests) FROM v_executions") == 2
    a_report(engine, ingest, RED)
    assert rows(engine, TOTALS) == rows(engine, DIRECT) != direct
    assert roll_up(engine) == 1
    assert rows(engine, TOTALS) == rows(engine, DIRECT)


def test_steps_are_small_and_two_at_once_count_once(engine: Engine, ingest: Ingest) -> None:
    for days in range(6):
        a_report(engine, ingest, STATUSES, days=days)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT sluice_roll_up(13)")) == 2
    with ThreadPoolExecutor(3) as pool:
        done = sum(pool.map(lambda _: roll_up(engine, cases=12), range(3)))
    assert done + roll_up(engine) == 4
    assert rows(engine, TOTALS) == rows(engine, DIRECT)


def test_a_writer_does_not_wait_for_the_roll_up(engine: Engine, ingest: Ingest) -> None:
    a_report(engine, ingest, STATUSES)
    with engine.begin() as rolling:
        assert rolling.scalar(text("SELECT sluice_roll_up(100)")) == 1
        a_report(engine, ingest, RED)  # same project, branch, week and tests
        assert one(engine, "SELECT sum(cases) FROM v_test_weeks") == 24
    assert rows(engine, TOTALS) == rows(engine, DIRECT)


def test_the_roll_up_stays_when_the_month_goes(engine: Engine, ingest: Ingest) -> None:
    old = month_of(engine, "test_results", 20)
    began = one(engine, "SELECT date_trunc('month', now() - interval '20 months', 'UTC')")
    days = (factories.STARTED - began).days - 5
    a_report(engine, ingest, RED, days=days)
    a_report(engine, ingest, STATUSES)
    before = rows(engine, TOTALS)
    with engine.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(hashtext('sluice_roll_up'))"))
        with pytest.raises(DatabaseUnavailableError, match="not rolled up yet"):
            drop_old_months(engine, 400, "ada")
    assert [month.partition for month in drop_old_months(engine, 400, "ada")] == [old]
    assert one(engine, "SELECT count(*) FROM test_results") == 12
    assert one(engine, "SELECT count(*) FROM test_executions") == 2
    assert rows(engine, TOTALS) == before
