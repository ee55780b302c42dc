"""The connection: limits, patience with what passes, none with what does not."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from sluice.errors import ConfigError
from sluice.store.engine import DatabaseUnavailableError, database_url, engine_for, reading, retry_database
from sluice.store.runs import RunStore
from tests.postgres.parts import a_run, one
from tests.postgres_server import TEMPLATE, running_postgres

pytestmark = pytest.mark.postgres


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice.store.engine.WAITS", (0.01,))


def test_every_session_has_its_limits(engine: Engine) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
    with engine.connect() as connection:
        found = [connection.scalar(text(f"SHOW {name}")) for name in names]
    assert found == ["15s", "5s", "30s", "UTC"]


def test_a_question_opens_no_transaction_and_the_next_change_does(engine: Engine) -> None:
    idle, within = psycopg.pq.TransactionStatus.IDLE, psycopg.pq.TransactionStatus.INTRANS
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        session, status = connection.connection.dbapi_connection, _status(connection)
    with engine.begin() as connection:  # the same session, out of the pool
        connection.execute(text("SELECT 1"))
        assert connection.connection.dbapi_connection is session
        assert (status, _status(connection)) == (idle, within)


def _status(connection: Connection) -> object:
    session: Any = connection.connection.dbapi_connection
    return session.info.transaction_status


def test_a_statement_that_hangs_is_ended_and_not_tried_again(engine: Engine) -> None:
    calls: list[int] = []

    @retry_database
    def hang() -> None:
        calls.append(1)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
            connection.execute(text("SELECT pg_sleep(10)"))

    with pytest.raises(DBAPIError, match="statement timeout"):
        hang()
    assert len(calls) == 1


def test_a_deadlock_is_tried_again(fresh_database_url: str) -> None:
    engine = engine_for(fresh_database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE pair (id int PRIMARY KEY, n int)"))
        connection.execute(text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
    both = threading.Barrier(2, timeout=10)
    calls: list[int] = []

    @retry_database
    def work(first: int, second: int) -> None:
        calls.append(first)
        with engine.begin() as connection:
            connection.execute(text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": first})
            if calls.count(first) == 1:
                both.wait()
            connection.execute(text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": second})

    workers = [threading.Thread(target=work, args=pair) for pair in ((1, 2), (2, 1))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    total = one(engine, "SELECT sum(n) FROM pair")
    engine.dispose()
    assert (len(calls), total) == (3, 4)


@pytest.mark.usefixtures("no_waiting")
def test_a_mistake_is_not_tried_again(engine: Engine) -> None:
    calls: list[int] = []

    @retry_database
    def mistake() -> None:
        calls.append(1)
        with engine.connect() as connection:
            connection.execute(text("SELECT * FROM nothing"))

    with pytest.raises(ProgrammingError):
        mistake()
    assert len(calls) == 1


def test_a_connection_that_was_cut_is_replaced(engine: Engine, no_waiting: None) -> None:
    run_id = a_run(engine)
    cut = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND datname = current_database()"""
    with (
        engine.connect() as first,
        psycopg.connect(engine.url.render_as_string(hide_password=False).replace("+psycopg", "")) as other,
    ):
        first.execute(text("SELECT 1"))
        other.execute(cut)
        RunStore(engine).renew_lease(run_id)
        first.invalidate()
    assert one(engine, "SELECT count(*) FROM pipeline_runs") == 1


def test_a_connection_that_was_cut_while_it_lay_idle_is_never_handed_out(engine: Engine) -> None:
    """Nobody who reads for a person tries again: the pool itself has to see it."""
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(engine.url.render_as_string(hide_password=False).replace("+psycopg", "")) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert one(engine, "SELECT pg_backend_pid()") != pid


def test_a_connection_that_lives_is_used_again_and_not_asked_first(engine: Engine) -> None:
    asked: list[str] = []
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with patch.object(engine.dialect, "do_ping", lambda *_: asked.append("ping")):
        assert one(engine, "SELECT pg_backend_pid()") == pid
        assert not asked
        with patch("sluice.store.engine.ASK_AFTER_SECONDS", -1.0):
            assert one(engine, "SELECT pg_backend_pid()") == pid
    assert asked == ["ping"]


def test_postgres_killed_under_a_writer_comes_back_and_nothing_is_lost() -> None:
    """The plug is pulled in the middle of writes; each open_run is there once, none is lost."""
    from sluice.store.migrate import upgrade

    with running_postgres() as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        upgrade(server.url(TEMPLATE))
        engine = engine_for(server.url(TEMPLATE))
        store, ids, problems = RunStore(engine), [f"aaaaaaaa-0000-4000-8000-{n:012d}" for n in range(60)], []
        written = threading.Event()

        def write() -> None:
            for number, run_id in enumerate(ids):
                try:
                    store.open_run(run_id, project="greeter", repository="/r", requested_ref="main", trigger="cli")
                except Exception as error:
                    problems.append(error)
                if number == 20:
                    written.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert written.wait(20)
        server.stop(signal.SIGQUIT)
        time.sleep(0.5)
        server.start()
        writer.join(60)
        assert problems == []
        found = one(engine, "SELECT count(*) FROM pipeline_runs")
        engine.dispose()
        assert found == len(ids)


@pytest.mark.usefixtures("no_waiting")
def test_a_database_that_stays_away_is_said_with_what_to_do() -> None:
    calls: list[int] = []
    engine = engine_for("postgresql://nobody:secret@127.0.0.1:1/none")

    @retry_database
    def ask() -> None:
        calls.append(1)
        engine.connect()

    with pytest.raises(DatabaseUnavailableError) as caught:
        ask()
    assert len(calls) == 6
    assert str(caught.value).startswith("DATABASE_UNAVAILABLE: Postgres cannot be used now: connection")
    assert "secret" not in str(caught.value)
    assert caught.value.transient
    assert "sluice up" in caught.value.next_step


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:geheim@h/db", "postgresql://u:geheim@h", "sqlite:///x"])
def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        database_url(url)
    assert caught.value.code == "DATABASE_URL"
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg"])
def test_any_way_to_write_the_address_is_taken(scheme: str) -> None:
    if scheme == "postgres":
        scheme = "postgresql"
    assert database_url(f"{scheme}://u:p@h:5433/db").drivername == "postgresql+psycopg"
