"""One framework's run in one cell, before and after it ran."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.records.testing import TestRequest
from sluice.stages.testing import agents
from sluice.stages.testing.environment import Environment

EVENTS_BYTES = 512 << 20
LINE_BYTES = 64 << 20
MOST_RUNNING = 10_000
_AGENTS = Path(agents.__file__).parent
# What a command that fetches something needs to know of this machine's network; never handed to the tests.
_NETWORK = re.compile(
    r"SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(?:https?|all|no)_proxy", re.I
)


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
    def file_name(self) -> str:
        """Return how files of this execution begin; two cells never share it."""
        label = f"{self.request.cell.label}-{self.framework}"
        plain = re.sub(r"[^A-Za-z0-9._=~-]+", "_", label)[:100]
        return plain if plain == label else f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"

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
            "only": list(self.request.only[self.framework].ids) if self.framework in self.request.only else [],
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
        strict: those among such that the runner's own rule makes red.
        reruns: case ids that were run again, once for each time.
        skipped_files: case ids of files that were skipped as a whole; every shard reports them.
        only: just the tests that were asked for ran.
        ids: of a shard: case ids of all tests found, before they were split.
        ran: of a shard: case ids of the tests that came to their end.
        left_out: of a shard: classes and modules whose fixture skipped all their tests.
    """

    collected: int | None = None
    running: tuple[str, ...] = ()
    counter: int | None = None
    xpassed: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()
    reruns: tuple[str, ...] = ()
    skipped_files: tuple[str, ...] = ()
    only: bool = False
    ids: tuple[str, ...] = ()
    ran: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def read_trace(path: Path) -> Trace:
    """Read an agent's events; whatever is no event of ours ends them: a kill cuts lines, and tests could write here."""
    told: dict[str, Any] = {}
    running: dict[str, None] = {}
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > EVENTS_BYTES:
            return Trace()
        with path.open(encoding="utf-8", errors="replace") as file:
            while line := file.readline(LINE_BYTES):
                _take_event(json.loads(line), told, running)
    return Trace(running=tuple(running)[:20], **told)


def _take_event(event: dict[str, Any], told: dict[str, Any], running: dict[str, None]) -> None:
    match event["event"]:
        case "collected":
            told["collected"] = int(event["count"])
            told["ids"] = tuple(str(one) for one in event.get("ids", ()))
        case "start" if len(running) < MOST_RUNNING:
            running[str(event["id"])] = None
        case "finish":
            running.pop(str(event["id"]), None)
        case "end":
            counter = event.get("counter")
            told["counter"] = counter if isinstance(counter, int) else None
            told["only"] = event.get("only") is True
            for name in ("xpassed", "strict", "reruns", "skipped_files", "ran", "left_out"):
                told[name] = tuple(str(one) for one in event.get(name, ()))


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


def setup_environment(job: Job, cache: Path) -> dict[str, str]:
    """Return the environment of the setup commands: that of the tests, and what fetching needs.

    Args:
        cache: where npm keeps what it fetched, by its digest.
    """
    network = {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name) and "@" not in value}
    return {"npm_config_cache": str(cache / "npm"), **network, **test_environment(job)}


def _declared(env: Mapping[str, str]) -> dict[str, str]:
    return {name: str(value) for name, value in env.items()}


LineSink = Callable[[str], None]
