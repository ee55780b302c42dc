"""What every stage function gets from its context: the log, the artifact store, the folder for a clean workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sluice import masks
from sluice.artifacts import ArtifactStore
from sluice.logs.capped import CappedLog, capped_log
from sluice.records.common import StageContext
from sluice.settings import Home, current_settings


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


class Workplace:
    """Where one stage of one run works. Open it with :func:`open_workplace`."""

    def __init__(self, context: StageContext, log: CappedLog) -> None:
        self.context = context
        self.home = Home(Path(context.home))
        self.artifacts = ArtifactStore(self.home.artifacts)
        self.workspace = self.home.workspaces / context.run_id / context.stage
        self._log = log

    def log(self, line: str) -> None:
        """Append one line to the stage's log, without the secrets that are known; safe from several threads."""
        self._log.write(masks.hide(line))

    @property
    def log_path(self) -> Path:
        """The stage's log file."""
        return self.home.run_logs(self.context.run_id) / f"{self.context.stage}.log"


@contextmanager
def open_workplace(context: StageContext) -> Iterator[Workplace]:
    """Open the stage's log for appending and give the stage its :class:`Workplace`."""
    folder = Home(Path(context.home)).run_logs(context.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    with capped_log(folder / f"{context.stage}.log", current_settings().log_limit) as log:
        yield Workplace(context, log)
