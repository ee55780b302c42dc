"""One framework's run in one cell, before and after it ran."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.records.testing import TestRequest
from sluice.stages.testing import agents
from sluice.stages.testing.environment import Environment

_AGENTS = Path(agents.__file__).parent


@dataclass(frozen=True)
class Job:
    """What a runner needs to know.

    Attributes:
        request: the cell's request.
        framework: pytest, unittest, behave, robot or command.
        tree: the workspace, where the runner starts.
        out: folder outside the tree for reports and coverage data.
        environment: the Python environment; None when the project needs none.
        temporary: short folder for HOME and TMPDIR.
        run_id: the run.
    """

    request: TestRequest
    framework: str
    tree: Path
    out: Path
    environment: Environment | None
    temporary: Path
    run_id: str

    @property
    def python(self) -> Path:
        """Return the Python that tests run on."""
        assert self.environment is not None  # only Python frameworks ask
        return self.environment.python

    @property
    def report(self) -> Path:
        """Return where a runner of ours writes its JUnit XML."""
        return self.out / "junit.xml"

    @property
    def events(self) -> Path:
        """Return where an agent writes what the report leaves out."""
        return self.out / "events.jsonl"

    def send_agent(self, name: str, **plan: Any) -> None:
        """Copy agent module `name` and its plan into the environment."""
        assert self.environment is not None
        target = self.environment.site_packages
        for module in (name, "_sluice_shards"):
            shutil.copyfile(_AGENTS / f"{module}.py", target / f"{module}.py")
        cell = self.request.cell
        told = {
            "events": str(self.events),
            "report": str(self.report),
            "shard": cell.shard,
            "shards": cell.shards,
            "durations": self.request.durations if cell.shards > 1 else {},
        }
        (target / "_sluice_plan.json").write_text(json.dumps({**told, **plan}), encoding="utf-8")


@dataclass(frozen=True)
class Trace:
    """What an agent wrote down.

    Attributes:
        collected: tests found, before they were split into shards; None when the runner does not tell.
        running: ids of tests that began and did not end.
        counter: what pytest itself writes into its report as the number of tests.
        xpassed: case ids that passed though they were expected to fail.
        reruns: case ids that were run again, once for each time.
        skipped_files: case ids of files that were skipped as a whole; every shard reports them.
    """

    collected: int | None = None
    running: tuple[str, ...] = ()
    counter: int | None = None
    xpassed: tuple[str, ...] = ()
    reruns: tuple[str, ...] = ()
    skipped_files: tuple[str, ...] = ()


def read_trace(path: Path) -> Trace:
    """Read an agent's events; a line that a kill has cut ends them."""
    if not path.is_file() or path.is_symlink():
        return Trace()
    collected: int | None = None
    running: dict[str, None] = {}
    end: dict[str, Any] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                event = json.loads(line)
            except ValueError:
                break
            match event.get("event"):
                case "collected":
                    collected = int(event["count"])
                case "start":
                    running[str(event["id"])] = None
                case "finish":
                    running.pop(str(event["id"]), None)
                case "end":
                    end = event
    return Trace(
        collected=collected,
        running=tuple(running)[:20],
        counter=end.get("counter"),
        xpassed=tuple(end.get("xpassed", ())),
        reruns=tuple(end.get("reruns", ())),
        skipped_files=tuple(end.get("skipped_files", ())),
    )


def test_environment(job: Job) -> dict[str, str]:
    """Return the whole environment of a test process: small, the same on every run, without anything of ours."""
    own = str(Path(sys.executable).parent)
    path = [word for word in os.environ.get("PATH", os.defpath).split(os.pathsep) if word and word != own]
    if job.environment is not None:
        path.insert(0, str(job.environment.bin))
    home = job.temporary / "home"
    home.mkdir(parents=True, exist_ok=True)
    told = {
        "PATH": os.pathsep.join(dict.fromkeys(path)),
        "HOME": str(home),
        "TMPDIR": str(job.temporary),
        "LANG": "C.UTF-8",
        "CI": "true",
        "SLUICE_RUN_ID": job.run_id,
    }
    if job.environment is not None:
        told["VIRTUAL_ENV"] = str(job.environment.folder)
    return {**told, **_declared(job.request.config.env), **_declared(job.request.cell.env)}


def _declared(env: Mapping[str, str]) -> dict[str, str]:
    return {name: str(value) for name, value in env.items()}


LineSink = Callable[[str], None]
