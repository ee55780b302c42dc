"""Logs in Postgres: written while they grow, once, in order, and found again by what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from sluice.logs.chunks import Mark, cut
from sluice.logs.shipper import LogShipper
from sluice.states import StageName
from sluice.store.engine import DatabaseUnavailableError, engine_for
from sluice.store.logs import LogStore
from sluice.store.runs import RunStore
from tests.postgres.parts import a_run, one, rows
from tests.postgres_server import TEMPLATE, PostgresServer
from tests.stack import eventually

pytestmark = pytest.mark.postgres

TEST, BUILD = StageName.TEST, StageName.BUILD


@pytest.fixture
def run(engine: Engine) -> str:
    run_id = a_run(engine)
    RunStore(engine).start_stage(run_id, TEST)
    return run_id


def stored(engine: Engine, run_id: str, stage: StageName = TEST) -> str:
    return "".join(chunk.raw or chunk.plain for chunk in LogStore(engine).read(run_id, stage))


def test_pieces_follow_one_another_and_none_is_written_twice(engine: Engine, run: str) -> None:
    store = LogStore(engine)
    first = cut(b"one\ntwo\n", Mark(), ended=True)
    assert store.append(run, TEST, first) == Mark(8, 2)
    assert store.append(run, TEST, first) == Mark(8, 2), "the same again: an answer was lost"
    assert store.append(run, TEST, cut(b"two\n", Mark(4, 1), ended=True)) == Mark(8, 2), "another process's view"
    assert store.append(run, TEST, cut(b"three\n", Mark(8, 2), ended=True)) == Mark(14, 3)
    assert stored(engine, run) == "one\ntwo\nthree\n"
    assert rows(engine, "SELECT first_line, lines FROM v_logs ORDER BY 1") == [(1, 2), (3, 1)]
    assert store.mark(run, TEST) == Mark(14, 3)
    assert store.mark(run, BUILD) is None


def test_a_log_is_stored_while_it_grows(engine: Engine, run: str, tmp_path: Path) -> None:
    RunStore(engine).start_stage(run, BUILD)
    shipper = LogShipper(engine, run, tmp_path, seconds=0.01).start()
    with (tmp_path / "test.log").open("w") as file:
        file.write("first\nhalf a")
        file.flush()
        eventually(lambda: stored(engine, run) == "first\n", "the first line")
        file.write(" line\n")
        file.flush()
        eventually(lambda: stored(engine, run) == "first\nhalf a line\n", "the second line")
        file.write("no end")
        (tmp_path / "build.log").write_text("built\n")
    (tmp_path / "run.log").write_text("of no stage\n")
    shipper.flush(TEST)
    assert stored(engine, run) == "first\nhalf a line\nno end"
    shipper.close()
    assert stored(engine, run, BUILD) == "built\n"


def test_another_process_goes_on_where_one_ended(engine: Engine, run: str, tmp_path: Path) -> None:
    path = tmp_path / "test.log"
    path.write_text("one\n")
    LogShipper(engine, run, tmp_path).close()
    path.write_text("one\ntwo\n")
    LogShipper(engine, run, tmp_path).close()
    assert stored(engine, run) == "one\ntwo\n"
    assert one(engine, "SELECT count(*) FROM test_logs") == 2


def test_a_database_that_is_away_delays_and_loses_nothing(
    postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluice.store.engine.WAITS", (0.0,))
    with postgres_server.database(TEMPLATE) as url:
        engine = engine_for(url)
        run_id = a_run(engine)
        RunStore(engine).start_stage(run_id, TEST)
        (tmp_path / "test.log").write_text("before\n")
        shipper = LogShipper(engine, run_id, tmp_path, seconds=0.01).start()
        eventually(lambda: stored(engine, run_id) == "before\n", "the first line")
        postgres_server.stop()
        (tmp_path / "test.log").write_text("before\nmeanwhile\n")
        shipper.flush(TEST)
        with pytest.raises(DatabaseUnavailableError):
            stored(engine, run_id)
        postgres_server.start()
        eventually(lambda: stored(engine, run_id) == "before\nmeanwhile\n", "what came meanwhile")
        shipper.close()
        engine.dispose()


def test_a_long_log_is_read_whole(engine: Engine, run: str, tmp_path: Path) -> None:
    lines = "".join(f"line {number} {'x' * 200}\n" for number in range(20_000))
    (tmp_path / "test.log").write_text(lines)
    LogShipper(engine, run, tmp_path).close()
    assert stored(engine, run) == lines
    assert one(engine, "SELECT count(*) FROM test_logs") > 64
    (found,) = LogStore(engine).search("line 19999 ")
    assert found.line == 20_000


def test_a_search_names_run_stage_and_line(engine: Engine, tmp_path: Path) -> None:
    store = LogStore(engine)
    runs = []
    for project, words in (("shop", "ok\n\x1b[31mConnection\x1b[0m refused\n"), ("till", "connection refused 100%_\n")):
        runs.append(a_run(engine, project=project))
        RunStore(engine).start_stage(runs[-1], TEST)
        store.append(runs[-1], TEST, cut(words.encode(), Mark(), ended=True))
    found = store.search("connection REFUSED")
    assert [(each.project, each.run_id, each.stage, each.line) for each in found] == [
        ("till", runs[1], "test", 1),
        ("shop", runs[0], "test", 2),
    ]
    assert found[1].text == "Connection refused"
    assert [each.project for each in store.search("refused", project="shop")] == ["shop"]
    assert [each.project for each in store.search("refused", run_id=runs[1])] == ["till"]
    assert [each.line for each in store.search("100%_")] == [1]
    assert store.search("refused_") == ()
    assert len(store.search("refused", limit=1)) == 1


def test_a_search_can_use_the_index(engine: Engine, run: str) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        query = "EXPLAIN SELECT * FROM test_logs WHERE plain ILIKE '%refused%'"
        plan = "\n".join(connection.execute(text(query)).scalars())
    assert "plain_idx" in plan, plan
