"""Where the files of replicas are: what was started, their environments, their starts, their logs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from sluice.settings import Home
from sluice.targets.base import ReplicaSet
from sluice.targets.files import write_private

TAIL_LINES = 15
TAIL_BYTES = 16 * 1024
RESTART_WINDOW_SECONDS = 300.0
KEPT_LOGS = 10  # sets of replicas whose logs stay after they are gone


class Folders:
    """`apps/<project>/<environment>/<group>` (mode 0700) and `logs/apps/<project>/<environment>/<group>` of a home."""

    def __init__(self, home: Home) -> None:
        self.apps = home.root / "apps"
        self.logs = home.service_logs / "apps"

    def of(self, replicas: ReplicaSet) -> Path:
        """Return the folder that describes a set."""
        return self.apps / replicas.project / replicas.environment / replicas.group

    def environment(self, replicas: ReplicaSet, number: int) -> Path:
        """Return the file with the whole environment of replica `number`; it holds secrets."""
        return self.of(replicas) / f"{number}.environment"

    def starts(self, replicas: ReplicaSet, number: int) -> Path:
        """Return the file with the time of each start of replica `number`."""
        return self.of(replicas) / f"{number}.starts"

    def names(self, replicas: ReplicaSet, number: int) -> Path:
        """Return the file with the names of the variables that replica `number` had when it was healthy first."""
        return self.of(replicas) / f"{number}.names"

    def note_names(self, replicas: ReplicaSet, found: Sequence[Mapping[str, str]]) -> None:
        """Write those files; a replica whose variables cannot be read gets none."""
        for number, variables in enumerate(found, start=1):
            if variables:
                write_private(self.names(replicas, number), "\n".join(sorted(variables)))

    def usual(self, replicas: ReplicaSet, number: int) -> frozenset[str] | None:
        """Return what is in that file; None when it was never written."""
        path = self.names(replicas, number)
        return frozenset(path.read_text().splitlines()) if path.is_file() else None

    def description(self, replicas: ReplicaSet) -> Path:
        """Return the file that describes the set; a set without it was never started."""
        return self.of(replicas) / "set.json"

    def log(self, replicas: ReplicaSet, number: int) -> Path:
        """Return the file with the output of replica `number`."""
        return self._logs(replicas) / f"{number}.log"

    def sets(self, project: str = "*", environment: str = "*") -> tuple[ReplicaSet, ...]:
        """Return the sets that were started and not removed, oldest first."""
        found = [_read(path) for path in self.apps.glob(f"{project}/{environment}/*/set.json")]
        return tuple(sorted(filter(None, found), key=lambda replicas: replicas.started_at))

    def restarts(self, replicas: ReplicaSet, number: int) -> int:
        """Return the starts after the first, in the last five minutes."""
        starts = self.starts(replicas, number)
        times = starts.read_text().split()[1:] if starts.exists() else []
        return sum(time.time() - float(at) < RESTART_WINDOW_SECONDS for at in times)

    def tail(self, replicas: ReplicaSet, number: int, lines: int = TAIL_LINES) -> str:
        """Return the last lines that replica `number` printed."""
        path = self.log(replicas, number)
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])

    def last_words(self, replicas: ReplicaSet, number: int) -> str:
        """Return the end of an error about replica `number`: what it printed last, or that it printed nothing."""
        tail = self.tail(replicas, number).strip("\n")
        return f"Its last lines:\n{tail}" if tail else "It printed nothing."

    def make_logs(self) -> None:
        """Make what somebody may have cleaned up: one missing folder keeps supervisord from reading any program."""
        for known in self.sets():
            self._logs(known).mkdir(parents=True, exist_ok=True)

    def forget(self, replicas: ReplicaSet) -> None:
        """Remove a set's description and secrets, and the logs of the oldest sets that are gone."""
        shutil.rmtree(self.of(replicas), ignore_errors=True)
        alive = {known.group for known in self.sets(replicas.project, replicas.environment)}
        ended = [path for path in self._logs(replicas).parent.glob("*/") if path.name not in alive]
        for folder in sorted(ended, key=lambda path: path.stat().st_mtime)[:-KEPT_LOGS]:
            shutil.rmtree(folder, ignore_errors=True)

    def _logs(self, replicas: ReplicaSet) -> Path:
        return self.logs / replicas.project / replicas.environment / replicas.group


def _read(path: Path) -> ReplicaSet | None:
    try:
        return ReplicaSet.model_validate_json(path.read_text())
    except (OSError, ValidationError):
        return None
