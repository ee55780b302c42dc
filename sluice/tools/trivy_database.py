"""Trivy's vulnerability data: where it comes from, and how old it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from filelock import Timeout as LockTimeout

from sluice import command
from sluice.command import LineSink
from sluice.errors import CommandError
from sluice.tools.programs import clean_environment

FETCH_SECONDS = 300.0
NONE = "no vulnerability data is configured (SLUICE_TRIVY_DB)"
KEPT_VARIABLES = ("TRIVY_USERNAME", "TRIVY_PASSWORD", "TRIVY_REGISTRY_TOKEN", "TRIVY_INSECURE")


@dataclass(frozen=True)
class Database:
    """The data that a scan uses.

    Attributes:
        setting: as configured; None: none is.
        cache: Trivy's cache directory, which holds `db/` when the data is there.
        updated_at: when the data was made; None: not known, or no data.
        due: a newer copy should be fetched (a repository's data only).
        reason: why it cannot be used; empty when it can.
    """

    setting: str | None
    cache: Path
    updated_at: datetime | None = None
    due: bool = False
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Tell whether vulnerabilities can be looked for."""
        return not self.reason

    @property
    def folder(self) -> Path:
        """Where `trivy.db` and `metadata.json` are."""
        return self.cache / "db"


def locate(setting: str | None, cache: Path, now: datetime) -> Database:
    """Return the data that is on this machine, without asking the network.

    Args:
        setting: a directory with trivy.db and metadata.json, an OCI repository, or None.
        cache: the folder of Trivy's caches.
        now: current time, aware.
    """
    if setting is None:
        return Database(None, cache / "no-database", reason=NONE)
    own = cache / hashlib.sha256(setting.encode()).hexdigest()[:16]
    directory = Path(setting).expanduser()
    is_directory = directory.is_dir() or directory.is_absolute()
    return _read(Database(setting, own), directory if is_directory else own / "db", now, repository=not is_directory)


def _read(database: Database, folder: Path, now: datetime, *, repository: bool) -> Database:
    missing = [name for name in ("trivy.db", "metadata.json") if not (folder / name).is_file()]
    if missing:
        reason = f"the vulnerability data {database.setting} lacks {' and '.join(missing)}"
        return replace(database, due=repository, reason=reason)
    try:
        metadata = json.loads((folder / "metadata.json").read_text())
        updated = datetime.fromisoformat(metadata["UpdatedAt"])
        upcoming = datetime.fromisoformat(metadata["NextUpdate"])
        updated, upcoming = (time if time.tzinfo else time.replace(tzinfo=UTC) for time in (updated, upcoming))
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"metadata.json of the vulnerability data {database.setting} cannot be read ({error})"
        return replace(database, due=repository, reason=what)
    return replace(database, updated_at=updated, due=repository and upcoming <= now)


def prepare(setting: str | None, cache: Path, program: Path, now: datetime, log: LineSink) -> Database:
    """Return the data ready for Trivy: a directory linked into its cache, a repository fetched when due.

    A repository that cannot be reached leaves an older copy in use: its age is in the record; the boundary judges it.
    """
    database = locate(setting, cache, now)
    database.cache.mkdir(parents=True, exist_ok=True)
    if database.setting is None:
        return database
    try:
        with FileLock(database.cache / "lock", timeout=FETCH_SECONDS):
            if database.due:
                return _fetch(database, program, now, log)
            if database.usable:
                _link(Path(database.setting).expanduser().absolute(), database.folder)
    except LockTimeout:
        return replace(database, reason=f"another run has been fetching the vulnerability data for {FETCH_SECONDS:g} s")
    return database


def _link(source: Path, folder: Path) -> None:
    if not source.is_dir() or (folder.is_symlink() and folder.readlink() == source):
        return
    folder.unlink(missing_ok=True)
    folder.symlink_to(source)


def _fetch(database: Database, program: Path, now: datetime, log: LineSink) -> Database:
    words: list[str | Path] = [
        program,
        "filesystem",
        "--download-db-only",
        "--skip-version-check",
        "--disable-telemetry",
        "--no-progress",
    ]
    words += ["--config=", "--cache-dir", database.cache, "--db-repository", str(database.setting)]
    environment = clean_environment("TRIVY_", keep=KEPT_VARIABLES)
    try:
        command.run(words, timeout=FETCH_SECONDS, env=environment, log=log, cwd=database.cache)
    except CommandError as error:
        log(f"the vulnerability data was not fetched: {error}")
        if database.usable:
            return database
        last = error.next_step.strip().splitlines()[-1:] or [error.message]
        return replace(database, reason=f"the vulnerability data {database.setting} cannot be fetched: {last[0]}")
    return replace(_read(Database(database.setting, database.cache), database.folder, now, repository=True), due=False)
