"""The embedded Postgres: its data directory, its command, its databases.

Postgres refuses to run as root. As root it becomes the user `nobody`, with the one capability that it needs to reach
its data directory below folders that are closed to others; nothing else on the machine is touched.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil

from sluice import command
from sluice.errors import ConfigError, InfrastructureError, ToolMissingError
from sluice.services import credentials
from sluice.services.addresses import DATABASE, DATABASE_USER, PREFECT_DATABASE, Addresses
from sluice.services.environment import system_env
from sluice.settings import Home
from sluice.tools.programs import find

USER = "nobody"
CAPABILITIES = {"dac_override": 1, "dac_read_search": 2}  # name → bit; the narrower one comes first below
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "jit": "off",  # compiles for longer than our queries run
    "max_wal_size": "512MB",
    "wal_compression": "on",
    "checkpoint_completion_target": "0.9",
    "autovacuum_naptime": "30s",
    "log_min_duration_statement": "2000",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
INITDB_SECONDS = 120.0
CONNECT_SECONDS = 3


def command_of(home: Home, port: int) -> tuple[str, ...]:
    """Return the words that start the server."""
    words = [*_as_other_user(death="INT"), str(find("postgres")), "-D", str(home.postgres), "-p", str(port)]
    for name, value in SETTINGS.items():
        words += ["-c", f"{name}={value}"]
    return tuple(words)


def prepare(home: Home) -> bool:
    """Make the data directory at the first call; tell whether that was done.

    Raises:
        ConfigError: `POSTGRES_VERSION`: the data directory belongs to another major version.
        ToolMissingError: a program is missing.
        CommandError: initdb failed.
    """
    if (home.postgres / "PG_VERSION").exists():
        _refuse_other_version(home)
        _forget_dead_lock(home)
        return False
    shutil.rmtree(home.postgres, ignore_errors=True)  # an interrupted initdb leaves half a directory
    home.postgres.mkdir(mode=0o700, parents=True)
    _give(home.postgres)
    argv = [
        *_as_other_user(death="TERM"),
        str(find("postgres").with_name("initdb")),
        *("-D", str(home.postgres), "--username", DATABASE_USER, "--auth", "scram-sha-256"),
        *("--pwfile", str(home.secrets / credentials.POSTGRES_PASSWORD)),
        *("--encoding", "utf8", "--locale", "C.UTF-8", "--no-sync"),
    ]
    try:
        command.run(argv, env=system_env(), timeout=INITDB_SECONDS, cwd=home.root)
    except BaseException:
        shutil.rmtree(home.postgres, ignore_errors=True)
        raise
    os.sync()  # once for all files is ten times quicker than initdb's way
    return True


def is_ready(addresses: Addresses) -> bool:
    """Tell whether the server takes connections; an outside one, whether it lets us into our database."""
    return server_version(addresses) is not None


def server_version(addresses: Addresses) -> str | None:
    """Return the version of the server that runs, e.g. `18.6`; None when it does not take connections."""
    import psycopg

    ours = addresses.postgres_port is not None
    url = _maintenance(addresses.database_url) if ours else addresses.database_url
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            return str(connection.info.parameter_status("server_version")).split()[0]
    except psycopg.OperationalError:
        return None


def make_databases(addresses: Addresses) -> None:
    """Create the two databases where they are missing."""
    import psycopg

    with psycopg.connect(_maintenance(addresses.database_url), autocommit=True) as connection:
        present = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in (DATABASE, PREFECT_DATABASE):
            if name not in present:
                connection.execute(f"CREATE DATABASE {name}")


def make_prefect_database(addresses: Addresses) -> None:
    """Create Prefect's database on an outside server.

    Raises:
        ConfigError: `PREFECT_DATABASE`: it is missing and may not be created.
    """
    import psycopg

    try:
        with psycopg.connect(addresses.database_url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [PREFECT_DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {PREFECT_DATABASE}")
    except psycopg.OperationalError as error:
        raise InfrastructureError(
            "the database of SLUICE_DATABASE_URL does not answer", code="DATABASE_UNAVAILABLE", found=error
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"there is no database {PREFECT_DATABASE} for Prefect, and this user may not create it",
            code="PREFECT_DATABASE",
            where="SLUICE_DATABASE_URL",
            next_step=f"CREATE DATABASE {PREFECT_DATABASE} OWNER <user>, or use an outside Prefect (PREFECT_API_URL).",
        ) from error


def server_pid(home: Home) -> int | None:
    """Return the process id of the server that runs on this data directory, whoever started it; else None."""
    try:
        lines = (home.postgres / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        runs_here = process.name().startswith("postgres") and Path(process.cwd()) == home.postgres.resolve()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process.pid if runs_here else None


def _forget_dead_lock(home: Home) -> None:
    """Remove the lock file of a server that was killed: its process id may be another program's by now."""
    if server_pid(home) is None:
        (home.postgres / "postmaster.pid").unlink(missing_ok=True)


def _refuse_other_version(home: Home) -> None:
    ours = (home.postgres / "PG_VERSION").read_text().strip()
    program = find("postgres")
    done = command.run([program, "--version"], env=system_env(), timeout=20)
    if f" {ours}." not in done.output:
        raise ConfigError(
            f"the data directory was made by Postgres {ours}",
            code="POSTGRES_VERSION",
            where=str(home.postgres),
            found=done.output.strip(),
            allowed=f"Postgres {ours}",
            next_step="Name that version in SLUICE_TOOL_POSTGRES, or move the data with pg_dump and pg_restore.",
        )


def _maintenance(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/postgres"))


def _give(folder: Path) -> None:
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def _as_other_user(death: str) -> list[str]:
    """Return what stands before a Postgres program when we are root; nothing otherwise.

    `death`: the signal that comes when the process manager is killed; changing the user forgets an earlier choice.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise ToolMissingError(
            "as root, Postgres is started by setpriv, which is not on this machine",
            next_step="Install util-linux, run Sluice as another user, or set SLUICE_DATABASE_URL.",
        )
    entry = pwd.getpwnam(USER)
    words = ["setpriv", "--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups"]
    capability = _capability()
    if capability:
        words += ["--securebits", "+no_setuid_fixup"]
        words += ["--inh-caps", f"+{capability}", "--ambient-caps", f"+{capability}"]
    return [*words, "--pdeathsig", death, "--"]


def _capability() -> str | None:
    """Return the narrowest capability we have that lets Postgres through closed folders; containers may have none."""
    permitted = 0
    with contextlib.suppress(OSError, IndexError, ValueError):
        line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("CapPrm:"))
        permitted = int(line.split()[1], 16)
    for name in ("dac_read_search", "dac_override"):
        if permitted >> CAPABILITIES[name] & 1:
            return name
    return None
