"""Stores the logs of a run's stages while they grow: a thread follows the files, and no stage waits for it.

The file is the source. A database that is away delays the rows, and what is on disk is stored when it is back.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sqlalchemy import Engine

from sluice.errors import TransientError
from sluice.logs.chunks import READ_BYTES, Mark, cut
from sluice.states import StageName
from sluice.store.engine import retry_database, translated
from sluice.store.logs import LogStore

SECONDS = 1.0
log = logging.getLogger(__name__)


class LogShipper:
    """Follows the `<stage>.log` files of one run.

    Args:
        folder: where the files are, or will be.
        seconds: how often the thread looks.
    """

    def __init__(self, engine: Engine, run_id: str, folder: Path, seconds: float = SECONDS) -> None:
        self._store = LogStore(engine)
        self._run_id = run_id
        self._folder = folder
        self._seconds = seconds
        self._marks: dict[StageName, Mark] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sluice-logs", daemon=True)

    def start(self) -> LogShipper:
        """Begin to follow; return self."""
        self._thread.start()
        return self

    def flush(self, stage: StageName) -> None:
        """Store what a stage has written until now; waits for a Postgres that restarts.

        A Postgres that stays away is no error here: who writes the stage's row next will say so, and the rest is
        stored later.
        """
        try:
            retry_database(self._ship)(stage, ended=True)
        except TransientError as error:
            log.warning("logs are stored later: %s", error)

    def store(self, *, ended: bool = True) -> None:
        """Store what can be stored now; a Postgres that is away is waited for by nobody."""
        try:
            with translated():
                for stage in self._written():
                    self._ship(stage, ended=ended)
        except TransientError as error:
            log.warning("logs are stored later: %s", error)

    def close(self) -> None:
        """Stop following, and store the rest if that can be done now."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.store()

    def _follow(self) -> None:
        while not self._stop.wait(self._seconds):
            self.store(ended=False)

    def _written(self) -> list[StageName]:
        return [stage for stage in StageName if self._path(stage).is_file()]

    def _path(self, stage: StageName) -> Path:
        return self._folder / f"{stage}.log"

    def _ship(self, stage: StageName, *, ended: bool) -> None:
        """Store what is new in one file; after an error what is stored is asked for anew."""
        path = self._path(stage)
        with self._lock:
            if not path.is_file():
                return  # a stage that was reused wrote nothing
            mark = self._marks.pop(stage, None) or self._store.mark(self._run_id, stage)
            if mark is None:
                return
            with path.open("rb") as file:
                while True:
                    file.seek(mark.byte)
                    data = file.read(READ_BYTES)
                    chunks = cut(data, mark, ended=ended and len(data) < READ_BYTES)
                    if not chunks:
                        break
                    mark = self._store.append(self._run_id, stage, chunks)
            self._marks[stage] = mark
