"""`pg_dump` and `pg_restore`: the ones that fit a server, and what they are run with; no password is in a command."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.pq import Conninfo

from sluice import command
from sluice.errors import ConfigError, InfrastructureError, ToolMissingError
from sluice.tools.programs import from_wheel, variable, version

CONNECT_SECONDS = "10"
# What differs from dump to dump of one schema: comments, settings, and the key against injected commands.
UNSTEADY = re.compile(r"^(--|SET |SELECT pg_catalog\.set_config|\\restrict|\\unrestrict|$)")


class DumpError(InfrastructureError):
    """A backup could not be taken or read."""

    code = "BACKUP_FAILED"
    next_step = "Nothing was changed. Look at the message of the database, then run again."


@dataclass(frozen=True)
class Programs:
    """A pair of one version."""

    dump: Path
    restore: Path
    version: str


@dataclass(frozen=True)
class Address:
    """Where a database is; `variables` hold the password, `place` (host, port, name) may be shown."""

    variables: dict[str, str]
    place: str
    name: str

    def of(self, name: str) -> Address:
        """Return the address of another database of the same server."""
        host = self.place.rpartition("/")[0]
        return Address({**self.variables, "PGDATABASE": name}, f"{host}/{name}", name)

    @property
    def conninfo(self) -> dict[str, str]:
        """What psycopg connects with."""
        named = {option.envvar.decode(): option.keyword.decode() for option in Conninfo.get_defaults() if option.envvar}
        return {named[name]: value for name, value in self.variables.items()}

    @property
    def hidden(self) -> tuple[str, ...]:
        """Values that nobody may see."""
        return tuple(filter(None, (self.variables.get("PGPASSWORD"),)))


def address(value: str, where: str) -> Address:
    """Return the address that a URL or a `key=value` text names; a driver in the URL's scheme plays no part.

    Raises:
        ConfigError: `DATABASE_URL`: it is none, or names no database. The value is not shown.
    """
    text = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", value.strip())
    try:
        options = Conninfo.parse(text.encode())
    except psycopg.Error:
        options = []
    found = {each.envvar.decode(): each.val.decode() for each in options if each.val and each.envvar}
    if not found.get("PGDATABASE"):
        raise ConfigError(
            "the database address is no address of a PostgreSQL database",
            code="DATABASE_URL",
            where=where,
            allowed="postgresql://user:password@host:port/database",
        ) from None  # the driver's message quotes what it cannot read
    found.setdefault("PGCONNECT_TIMEOUT", CONNECT_SECONDS)
    host = found.get("PGHOST") or found.get("PGHOSTADDR") or "local"
    return Address(found, f"{host}:{found.get('PGPORT', '5432')}/{found['PGDATABASE']}", found["PGDATABASE"])


def programs(server: int, cache: Path) -> Programs:
    """Return the programs of the lowest version that can read a server of major version `server`.

    A newer `pg_restore` sets what an older server does not know, so that the lowest is the best.

    Raises:
        ToolMissingError: none is new enough.
    """
    found = []
    for dump in _candidates():
        restore = dump.with_name("pg_restore")
        if restore.exists():
            told = version(dump, ["--version"], cache)
            found.append((int(told.partition(".")[0]), Programs(dump, restore, told)))
    fit = [each for each in found if each[0] >= server]
    if not fit:
        raise ToolMissingError(
            "no pg_dump is as new as the database's server",
            found=", ".join(pair.version for _, pair in found) or "none",
            allowed=f"version {server} or newer",
            next_step=f"Install the client programs of PostgreSQL {server}, or name pg_dump in {variable('pg_dump')}.",
        )
    return min(fit, key=lambda each: each[0])[1]


def _candidates() -> Iterator[Path]:
    named = os.environ.get(variable("pg_dump"))
    if named:
        yield Path(named)
        return
    places = (from_wheel("pg_dump"), *map(Path, sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))))
    yield from filter(None, places)
    on_path = shutil.which("pg_dump")
    if on_path and not Path(on_path).is_symlink():  # Debian's link is a wrapper that chooses by its own rules
        yield Path(on_path)


def dump(pair: Programs, source: Address, target: Path, snapshot: str, seconds: float) -> None:
    """Write the database as of an exported snapshot, compressed; `target` is whole or not there.

    Raises:
        DumpError: with the last lines of what `pg_dump` said.
    """
    words = [
        "--format=custom",
        f"--snapshot={snapshot}",
        f"--file={target}",
        "--lock-wait-timeout=30s",
        "--no-password",
    ]
    try:
        _run([pair.dump, *words], source, seconds)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def schema(pair: Programs, source: Address, snapshot: str, seconds: float) -> str:
    """Return the schema in SQL, the same text for the same schema."""
    words = ["--schema-only", "--no-owner", "--no-privileges", "--no-password"]
    words += [f"--snapshot={snapshot}"] if snapshot else []
    text = _run([pair.dump, *words], source, seconds)
    return "\n".join(line for line in text.splitlines() if not UNSTEADY.match(line))


def restore(pair: Programs, file: Path, target: Address, seconds: float) -> None:
    """Put a dump into an empty database, all of it or nothing.

    Raises:
        DumpError: with the last lines of what `pg_restore` said.
    """
    words = ["--exit-on-error", "--single-transaction", "--no-password", f"--dbname={target.name}"]
    _run([pair.restore, *words, file], target, seconds)


def _run(words: list[str | Path], place: Address, seconds: float) -> str:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": os.environ.get("HOME", "/"), "TZ": "UTC"}
    done = command.run(words, env={**environment, **place.variables}, timeout=seconds, accept=None)
    if done.exit_code or done.timed_out or done.truncated:
        told = command.mask(" ".join(done.errors.split())[-500:], place.hidden)
        how = f"did not end within {seconds:g} s" if done.timed_out else f"ended with exit code {done.exit_code}"
        raise DumpError(f"{Path(words[0]).name} {how}", where=place.place, found=told)
    return done.output
