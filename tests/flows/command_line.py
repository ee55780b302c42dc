"""The `sluice` command as a process, and what it left: rows, processes, replicas, locks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import Engine, text

from sluice.services import code, supervisord
from sluice.services.reconcile import MARK
from sluice.settings import Settings
from sluice.store.read import Reader, RunView, StageView
from tests.stack import eventually

LIMIT = 240.0  # seconds; a quiet machine needs a tenth of it
ERROR = re.compile(r"^[A-Z][A-Z0-9_]+: \S")
RUN = re.compile(r"^run ([0-9a-f]{8})", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    exit_code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of the error."""
        lines = [line for line in self.err.splitlines() if ERROR.match(line)]
        assert len(lines) == 1, f"not one error line:\n{self.err}\n{self.out}"
        return lines[0]

    def ended(self, exit_code: int) -> Done:
        """Return itself, having made sure of the exit code and that nobody sees a traceback."""
        said = f"{self.out}\n{self.err}"
        assert "Traceback" not in said, said
        assert self.exit_code == exit_code, f"exit code {self.exit_code}, not {exit_code}:\n{said}"
        return self


@dataclass
class Running:
    """A command that has not ended."""

    process: subprocess.Popen[str]
    command: CommandLine
    before: frozenset[str]

    @cached_property
    def run_id(self) -> str:
        """Id of the run that it asked for."""
        eventually(self._new, "the run's row", LIMIT)
        return self._new()[0]

    def _new(self) -> list[str]:
        return [each for each in self.command.run_ids() if each not in self.before]

    def reaches(self, stage: str, state: str = "running") -> Running:
        """Wait until a stage of the run is in `state`."""
        run_id = self.run_id

        def there() -> bool:
            view = self.command.view(run_id)
            assert view.exit_code is None, f"ended before {stage}: {view.reason}"
            return any(each.stage == stage and each.state == state for each in view.stages)

        eventually(there, f"{stage} {state}", LIMIT)
        return self

    def interrupt(self) -> Running:
        """Type Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self

    def end(self) -> Done:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=LIMIT)
        return Done(self.process.returncode, out, err)


@dataclass
class CommandLine:
    """The command on one stack."""

    settings: Settings
    engine: Engine
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *words: object, folder: Path | None = None) -> Running:
        """Start a command."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SLUICE_"))},
            "SLUICE_HOME": str(self.settings.home.root),
            "PYTHONPATH": str(code.root()),
            "COLUMNS": "100",
            **self.environment,
        }
        before = frozenset(self.run_ids())
        process = subprocess.Popen(
            [sys.executable, "-m", "sluice.cli.entry", *map(str, words)],
            cwd=folder or self.folder,
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        return Running(process, self, before)

    def __call__(self, *words: object, folder: Path | None = None) -> Done:
        """Run a command to its end."""
        return self.start(*words, folder=folder).end()

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def one(self, query: str, **values: Any) -> Any:
        """Return the only value that a query finds."""
        ((value,),) = self.rows(query, **values)
        return value

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, the newest first."""
        return [row[0] for row in self.rows("SELECT id::text FROM pipeline_runs ORDER BY number DESC")]

    def wait_for(self, run_id: str) -> None:
        """Wait until a run that Prefect was asked for has its row."""
        eventually(lambda: run_id in self.run_ids(), f"the row of run {run_id}", LIMIT)

    def view(self, run_id: str = "latest") -> RunView:
        """Return a run as it is recorded."""
        return Reader(self.engine).resolve_run(run_id)

    def stages(self, run_id: str = "latest") -> dict[str, StageView]:
        """Return stage → its row."""
        return {str(stage.stage): stage for stage in self.view(run_id).stages}

    def states(self, run_id: str = "latest") -> dict[str, str]:
        """Return stage → state."""
        return {name: str(stage.state) for name, stage in self.stages(run_id).items()}

    def address(self, project: str, environment: str = "staging") -> str:
        """Return where an environment answers."""
        found = [each for each in Reader(self.engine).environments(project) if each.environment == environment]
        return f"http://127.0.0.1:{found[0].port}"

    def answer(self, project: str, path: str = "/version") -> str:
        """Return what the environment says now."""
        return httpx.get(self.address(project) + path, timeout=30, trust_env=False).text

    def serves(self, project: str, commit: str) -> None:
        """Make sure that the environment answers as this commit, from exactly its replicas, locked by nobody."""
        assert commit in self.answer(project)
        groups = {info.group for info in self.replicas(project)}
        assert len(groups) == 1, f"more than one release stands: {groups}"
        assert self.lock(project) is None

    def replicas(self, project: str) -> list[Any]:
        """Return the replicas that stand, of any release."""
        processes = supervisord.supervisor_of(self.settings.home).processes()
        return [info for info in processes if info.group.startswith(f"app-{project}-")]

    def lock(self, project: str) -> str | None:
        """Return the run that holds the environment."""
        held = self.rows(
            "SELECT holder_run_id::text FROM environment_locks l JOIN environments e ON e.id = l.environment_id "
            "JOIN projects p ON p.id = e.project_id WHERE p.name = :project AND holder_run_id IS NOT NULL",
            project=project,
        )
        return held[0][0] if held else None

    def processes(self, run_id: str) -> list[psutil.Process]:
        """Return the processes of this machine that carry the run's mark."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == run_id and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def left_nothing(self, run_id: str, project: str, seconds: float = 60.0) -> None:
        """Make sure that an ended run has no process, no workspace and no lock."""
        eventually(lambda: not self.processes(run_id), "the end of the run's processes", seconds)
        folder = self.settings.home.workspaces / run_id
        eventually(lambda: not folder.exists(), "the end of the run's workspace", seconds)
        assert self.lock(project) is None


def settled(command: CommandLine, run_id: str, seconds: float) -> RunView:
    """Wait until a run has ended; return it."""
    deadline = time.monotonic() + seconds
    while command.view(run_id).exit_code is None:
        assert time.monotonic() < deadline, f"run {run_id} did not end within {seconds:g} s"
        time.sleep(0.2)
    return command.view(run_id)
