"""Backups of a service's database: taken in one moment, proved by restoring them, and put back as a whole."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sluice.artifacts import sha256_file
from sluice.records.backup import Backup, TableContent
from sluice.settings import Home
from sluice.stages.workplace import now
from sluice.tools import postgres_tables as database
from sluice.tools.postgres_client import Address, DumpError, Programs, dump, programs, restore, schema

SHOWN_TABLES = 5
SHORT_ID = 8


@dataclass(frozen=True)
class Schema:
    """A schema: its version in the project's own words, and a digest of all of it."""

    version: str
    sha256: str


@dataclass(frozen=True)
class Proof:
    """What a restore of a backup into a database of its own showed; `problem` is empty when it is what was dumped."""

    problem: str
    seconds: float


def schema_of(place: Address, query: str | None, home: Home, seconds: float) -> Schema:
    """Return the schema as it is now."""
    with database.snapshot(place) as moment:
        return _schema(moment, programs(moment.server, home.cache), place, query, seconds)


def take(place: Address, query: str | None, home: Home, project: str, environment: str, seconds: float) -> Backup:
    """Dump the database with the contents of its tables, all of one moment.

    Raises:
        DumpError, AppDatabaseError, ToolMissingError: nothing is left of it.
    """
    made = str(uuid4())
    file = path_of(home, project, environment, made)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _forget_halves(file.parent)
    part = file.with_suffix(".part")
    with database.snapshot(place) as moment:
        pair = programs(moment.server, home.cache)
        part.touch(mode=0o600)
        dump(pair, place, part, moment.name, seconds)
        found = _schema(moment, pair, place, query, seconds)
        tables = moment.tables()
    part.replace(file)
    return Backup(
        id=made,
        project=project,
        environment=environment,
        database=place.place,
        server=moment.server,
        tool=pair.version,
        version=found.version,
        schema_sha256=found.sha256,
        sha256=sha256_file(file),
        size=file.stat().st_size,
        tables=tables,
        taken_at=now(),
    )


def path_of(home: Home, project: str, environment: str, backup_id: str) -> Path:
    """Return where a backup lies, whether or not it is there."""
    return home.backups / project / environment / f"{backup_id}.dump"


def verify(backup: Backup, place: Address, home: Home, seconds: float) -> Proof:
    """Restore a backup into a database of its own beside `place`, compare it with what was dumped, remove it.

    Never raises for a bad backup: that is what is found out.
    """
    started = time.monotonic()
    with _restored(backup, place, home, seconds) as (_, problem):
        return Proof(problem, time.monotonic() - started)


def put_back(backup: Backup, place: Address, home: Home, seconds: float) -> str:
    """Let the database be what it was when the backup was taken; what it is now is kept beside it.

    The backup is restored and proved aside first, and takes the database's place only then, in one step.

    Returns:
        What is wrong with the backup, in which case nothing was changed; "" when it was put back.
    """
    with _restored(backup, place, home, seconds) as (scratch, problem):
        if not problem:
            name = replaced_name(place, backup)
            others = database.names(place, name)  # it may be put back twice
            database.swap(place, scratch, f"{name}_{len(others) + 1}" if others else name)
        return problem


def replaced_name(place: Address, backup: Backup) -> str:
    """Return the name that the database gets which a backup replaces; a number is added at the second time."""
    return f"{place.name[:40]}_before_{backup.id[:SHORT_ID]}"


def was_put_back(backup: Backup, place: Address) -> bool:
    """Tell whether the database was replaced by this backup already."""
    return replaced_name(place, backup) in database.names(place, replaced_name(place, backup))


def lost_rows(backup: Backup, place: Address) -> str:
    """Return in words which tables differ from the backup: what putting it back would lose."""
    with database.snapshot(place) as moment:
        here = moment.tables()
    return differences(backup.tables, here, "then", "now")


def forget(backup: Backup, home: Home) -> None:
    """Remove a backup's file."""
    path_of(home, backup.project, backup.environment, backup.id).unlink(missing_ok=True)


def differences(one: tuple[TableContent, ...], other: tuple[TableContent, ...], then: str, here: str) -> str:
    """Return in words what two sets of tables do not have in common; "" when they are the same."""
    left, right = ({table.name: table for table in tables} for tables in (one, other))
    told = []
    for name in sorted(left.keys() | right.keys()):
        mine, theirs = left.get(name), right.get(name)
        if mine is None or theirs is None:
            told.append(f"{name} is only there {then if theirs is None else here}")
        elif mine.rows != theirs.rows:
            told.append(f"{name} has {mine.rows} rows {then}, {theirs.rows} {here}")
        elif mine.content != theirs.content:
            told.append(f"{name} has other content in its {mine.rows} rows")
    more = f" and {len(told) - SHOWN_TABLES} tables more" if len(told) > SHOWN_TABLES else ""
    return "; ".join(told[:SHOWN_TABLES]) + more


@contextmanager
def _restored(backup: Backup, place: Address, home: Home, seconds: float) -> Iterator[tuple[str, str]]:
    """Give the name of a database that the backup was restored to, and what is wrong with it; drop it at the end."""
    beginning = f"{place.name[:30]}_scratch_{backup.id[:SHORT_ID]}"
    for left in database.names(place, beginning):  # by a run that was killed
        database.drop(place, left)
    file = path_of(home, backup.project, backup.environment, backup.id)
    problem = _changed(backup, file)
    if problem:
        yield "", problem
        return
    name = f"{beginning}_{uuid4().hex[:6]}"
    scratch = database.create(place, name)
    try:
        yield name, _attempt(lambda: _compare(backup, scratch, file, home, seconds))
    finally:
        database.drop(place, name)  # nothing happens when it took the place of the other


def _changed(backup: Backup, file: Path) -> str:
    if not file.is_file():
        return f"its file is gone: {file}"
    size = file.stat().st_size
    if size != backup.size:
        return f"its file has {size} bytes, and had {backup.size}"
    found = sha256_file(file)
    return "" if found == backup.sha256 else f"its file has sha256 {found[:16]}, and had {backup.sha256[:16]}"


def _compare(backup: Backup, scratch: Address, file: Path, home: Home, seconds: float) -> str:
    with database.snapshot(scratch) as moment:
        pair = programs(moment.server, home.cache)
    restore(pair, file, scratch, seconds)
    with database.snapshot(scratch) as moment:
        problem = differences(backup.tables, moment.tables(), "dumped", "restored")
        if problem:
            return problem
        found = _schema(moment, pair, scratch, None, seconds)
    same = found.sha256 == backup.schema_sha256 or pair.version != backup.tool
    return "" if same else "the restored schema is not the one that was dumped"


def _attempt(work: Callable[[], str]) -> str:
    try:
        return work()
    except DumpError as error:
        return f"{error.message}: {error.found}"


def _schema(moment: database.Snapshot, pair: Programs, place: Address, query: str | None, seconds: float) -> Schema:
    digest = hashlib.sha256(schema(pair, place, moment.name, seconds).encode()).hexdigest()
    return Schema(moment.value(query) if query else digest[:12], digest)


def _forget_halves(folder: Path) -> None:
    """Remove what a killed run left; who calls holds the environment, so that nobody is writing one."""
    for part in folder.glob("*.part"):
        part.unlink(missing_ok=True)
