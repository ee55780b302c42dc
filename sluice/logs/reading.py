"""A stage's log as it grows: from the file where the run works, else from Postgres."""

from __future__ import annotations

from pathlib import Path

from sluice.states import StageName
from sluice.store.logs import LogStore


class GrowingLog:
    """One stage's log; each :meth:`more` returns what came since the last one."""

    def __init__(self, store: LogStore, run_id: str, stage: StageName, folder: Path) -> None:
        self.stage = stage
        self._store = store
        self._run_id = run_id
        self._path = folder / f"{stage}.log"
        self._byte = 0

    def more(self, *, ended: bool) -> str:
        """Return new whole lines; the rest of a last line too when the run has `ended`.

        Raises:
            DatabaseUnavailableError: the log is not here, and Postgres is away.
        """
        return self._from_file(ended) if self._path.is_file() else self._from_rows()

    def _from_file(self, ended: bool) -> str:
        with self._path.open("rb") as file:
            file.seek(self._byte)
            data = file.read()
        whole = data if ended else data[: data.rfind(b"\n") + 1]
        self._byte += len(whole)
        return whole.decode("utf-8", "replace")

    def _from_rows(self) -> str:
        parts: list[str] = []
        for chunk in self._store.read(self._run_id, self.stage, self._byte):
            if chunk.start_byte != self._byte:
                parts.append(f"[{chunk.start_byte - self._byte} bytes of this log are not stored]\n")
            parts.append(chunk.plain if chunk.raw is None else chunk.raw)
            self._byte = chunk.end_byte
        return "".join(parts)
