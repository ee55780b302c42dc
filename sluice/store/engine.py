"""The connection to Postgres: time limits on everything, bounded retries, and errors that say what to do."""

from __future__ import annotations

import functools
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import psycopg
import tenacity
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sluice.errors import ConfigError, TransientError

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 5
ASK_AFTER_SECONDS = 5.0
STATEMENT_LIMIT = "15s"
INGEST_LIMIT = "60s"
SESSION = {
    "statement_timeout": STATEMENT_LIMIT,
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}
TRIES = 6
# Before try n+1 wait between half of this and all of it: six tries outlast a restart of 28 s and end within 60 s.
WAITS = (1.0, 4.0, 12.0, 20.0, 20.0)
# Serialisation failure, deadlock, lock timeout, server shutting down or starting, too many connections; class 08 too.
TRANSIENT_STATES = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"})


class DatabaseUnavailableError(TransientError):
    """Postgres did not answer, or refused for a reason that passes."""

    code = "DATABASE_UNAVAILABLE"
    next_step = "Run `sluice status`; `sluice up` starts the embedded Postgres, then run again."


def database_url(url: str) -> URL:
    """Return the URL of a Postgres database with the driver that we use.

    Raises:
        ConfigError: `DATABASE_URL`: it is no URL of Postgres. The password is never shown.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("postgresql", "postgres") or not parsed.database:
        raise ConfigError(
            "the database address is no address of a Postgres database",
            code="DATABASE_URL",
            where="SLUICE_DATABASE_URL",
            found=parsed.render_as_string(hide_password=True) if parsed else "(not a URL)",
            allowed="postgresql://user:password@host:port/database",
        ) from None
    return parsed.set(drivername="postgresql+psycopg")


def engine_for(url: str) -> Engine:
    """Return a small pool of connections to `url`; nothing is opened before the first use."""
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    made = create_engine(
        database_url(url),
        pool_size=3,
        max_overflow=5,
        pool_timeout=5,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": options,
            "application_name": "sluice",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        },
    )
    return looked_at(made)


def looked_at(engine: Engine) -> Engine:
    """Have each connection of `engine` looked at before it is used again, and a dead one replaced; return the engine.

    SQLAlchemy would ask Postgres before each of a run's hundred transactions. One that has just been used, and whose
    socket tells nothing new, lives: a server that ended or cut it would have said so there.
    """

    @event.listens_for(engine, "connect")
    @event.listens_for(engine, "checkin")
    def note(_connection: object, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: psycopg.Connection[Any], record: Any, _proxy: object) -> None:
        try:
            if time.monotonic() - record.info["used"] > ASK_AFTER_SECONDS or _says_something(connection):
                engine.dialect.do_ping(connection)  # type: ignore[arg-type]  # of the driver that it is
        except psycopg.Error as error:
            raise DisconnectionError(str(error)) from error

    return engine


def _says_something(connection: psycopg.Connection[Any]) -> bool:
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return bool(socket.poll(0))


def is_transient(error: BaseException) -> bool:
    """Tell whether trying again may help: the connection was lost, or Postgres said that it will pass."""
    if isinstance(error, PoolTimeoutError):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig if error.orig is not None else error
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:  # raised by the client: no connection, or it broke
        return isinstance(error, psycopg.OperationalError)
    return state in TRANSIENT_STATES or state.startswith("08")


@contextmanager
def translated() -> Iterator[None]:
    """Raise what passes as `DATABASE_UNAVAILABLE` instead of the driver's error."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, psycopg.Error) as error:
        if is_transient(error):
            raise unavailable(error) from error
        raise


def unavailable(error: BaseException) -> DatabaseUnavailableError:
    """Return the error for people; the driver's first line says what was refused where."""
    cause = getattr(error, "orig", None) or error
    first = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    return DatabaseUnavailableError(f"Postgres cannot be used now: {first}")


def _pause(state: tenacity.RetryCallState) -> float:
    longest = WAITS[min(state.attempt_number, len(WAITS)) - 1]
    return tenacity.wait_random(longest / 2, longest)(state)


def retry_database(call: Callable[P, T]) -> Callable[P, T]:
    """Try `call`, a whole idempotent transaction, up to six times while Postgres is away.

    Data and syntax errors (classes 22, 23, 42) are raised at once.

    Raises:
        DatabaseUnavailableError: still away after the last try.
    """

    @functools.wraps(call)
    def patient(*args: P.args, **more: P.kwargs) -> T:
        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_transient),
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_pause,
            reraise=True,
        )
        with translated():
            return tries(call, *args, **more)

    return patient


def asking(engine: Engine) -> Connection:
    """Open a connection for questions, each of which is one round trip.

    A transaction around them would cost two more and give nothing: at `READ COMMITTED` each statement sees what was
    committed when it began.
    """
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection for a question by a person: no retries, an error that says what to do."""
    with translated(), asking(engine) as connection:
        yield connection


def allow_long(connection: Connection) -> None:
    """Give this transaction the time that loading many rows needs."""
    connection.execute(text(f"SET LOCAL statement_timeout = '{INGEST_LIMIT}'"))
