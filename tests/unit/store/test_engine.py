"""What passes, and what does not."""

from __future__ import annotations

import itertools

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sluice.errors import TransientError
from sluice.store import engine
from sluice.store.engine import DatabaseUnavailableError, is_transient, retry_database

PASSES = ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "08000", "08003", "08006", "08007"]
STAYS = ["22001", "22P05", "23505", "23514", "42P01", "42501", "57014", "53100", "XX000"]


def driver_error(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)("told by the server") if state in _known() else _unknown(state)


def _known() -> set[str]:
    return {getattr(each, "sqlstate", "") for each in vars(psycopg.errors).values() if isinstance(each, type)}


def _unknown(state: str) -> psycopg.Error:
    error = psycopg.OperationalError("told by the server")
    error.sqlstate = state
    return error


@pytest.mark.parametrize("state", PASSES)
def test_what_passes_is_tried_again(state: str) -> None:
    assert is_transient(driver_error(state))
    assert is_transient(OperationalError("SELECT 1", None, driver_error(state)))


@pytest.mark.parametrize("state", STAYS)
def test_what_stays_is_not(state: str) -> None:
    assert not is_transient(driver_error(state))
    assert not is_transient(IntegrityError("SELECT 1", None, driver_error(state)))


def test_lost_connections_and_full_pools_pass() -> None:
    assert is_transient(psycopg.OperationalError("connection refused"))
    assert is_transient(PoolTimeoutError("QueuePool limit"))
    assert is_transient(DBAPIError("SELECT 1", None, psycopg.InterfaceError("closed"), connection_invalidated=True))
    assert not is_transient(psycopg.ProgrammingError("no result"))
    assert not is_transient(ValueError("no"))


def test_six_tries_then_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    calls = itertools.count(1)

    @retry_database
    def ask() -> None:
        raise psycopg.OperationalError(f"connection {next(calls)} refused\nmore")

    with pytest.raises(DatabaseUnavailableError) as caught:
        ask()
    assert next(calls) == 7
    assert str(caught.value).startswith("DATABASE_UNAVAILABLE: Postgres cannot be used now: connection 6 refused. Run")
    assert isinstance(caught.value, TransientError)
    assert len(waited) == 5
    for wait, longest in zip(waited, engine.WAITS, strict=True):
        assert longest / 2 <= wait <= longest
    assert sum(engine.WAITS) / 2 >= 28
    assert sum(engine.WAITS) <= 60


def test_it_is_tried_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    answers = iter([driver_error("57P03"), driver_error("40001"), None])

    @retry_database
    def ask(value: int) -> int:
        error = next(answers)
        if error is not None:
            raise error
        return value

    assert ask(7) == 7
