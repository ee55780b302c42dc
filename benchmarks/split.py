"""Where the seconds of a run went, read from Sluice's rows, Prefect's states and the run's log."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks.room import Typed
from sluice.database import database
from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.states import StageName
from sluice.store.read import Reader, RunView
from sluice.tools.prefect_api import PrefectApi

TALLY = re.compile(r"(\d+) starts of outside programs, ([\d.]+) s in them")
# Steps of a deploy or rollback in which Sluice only waits for the service itself to start, finish or stop.
SERVICE_STEPS = ("health", "drain", "remove", "withdraw")
STAGE_TASKS = ("checkout", "test", "build", "scan", "deploy", "smoke", "rollback", "take over")


@dataclass(frozen=True)
class Split:
    """Seconds of one `sluice run`, from the first instruction of the process to its last.

    Attributes:
        wall: the whole process.
        programs: at least one outside program ran (git, the tests, the scanners).
        service: waiting for the deployed service to start and to stop.
        start: the command line until it has asked Prefect for the run.
        trigger: from there to the first line of the flow.
        stages: what resolving the ref, reading sluice.yaml and the stage functions did themselves.
        boundaries: contracts.
        rows: writing accepted records to Postgres.
        engine: the rest of the flow: Prefect's tasks, states and artifacts, and the other rows.
        ending: from the run's last row to the end of the process.
        starts: how many outside programs were started.
    """

    wall: float
    programs: float
    service: float
    start: float
    trigger: float
    stages: float
    boundaries: float
    rows: float
    engine: float
    ending: float
    starts: float

    @property
    def overhead(self) -> float:
        """Wall less what outside programs and the service took."""
        return self.wall - self.programs - self.service


def split(typed: Typed) -> Split:
    """Return where the seconds of the newest run, which `typed` started, went."""
    view = Reader(database()).resolve_run("latest")
    assert view.started_at is not None
    assert view.ended_at is not None
    starts, programs = _tally(Settings().home.run_logs(view.id) / "run.log")
    service = _service(view.id)
    work, asked = _work(view), _asked(view)
    flow = (view.ended_at - view.started_at).total_seconds()
    boundaries = sum(stage.boundary_seconds or 0.0 for stage in view.stages)
    rows = sum(stage.rows_seconds or 0.0 for stage in view.stages)
    return Split(
        wall=typed.seconds,
        programs=programs,
        service=service,
        start=(asked - typed.began).total_seconds(),
        trigger=(view.started_at - asked).total_seconds(),
        stages=work - programs - service,
        boundaries=boundaries,
        rows=rows,
        engine=flow - work - boundaries - rows,
        ending=(typed.ended - view.ended_at).total_seconds(),
        starts=starts,
    )


def medians(splits: Iterable[Split]) -> Split:
    """Return the median of each part."""
    found = list(splits)
    return Split(**{each.name: median(getattr(one, each.name) for one in found) for each in fields(Split)})


def _tally(log: Path) -> tuple[float, float]:
    """Return starts and seconds of outside programs; the flow writes them after the row that ends the run."""
    deadline = time.monotonic() + 10
    while True:
        found = TALLY.search(log.read_text())
        if found:
            return float(found[1]), float(found[2])
        if time.monotonic() > deadline:
            raise TimeoutError(f"{log} does not tell what outside programs took")
        time.sleep(0.05)


def _service(run_id: str) -> float:
    reader = Reader(database())
    records = [reader.stage_record(run_id, stage) for stage in (StageName.DEPLOY, StageName.ROLLBACK)]
    steps = [step for record in records if record for step in record["steps"] if step["name"] in SERVICE_STEPS]
    return sum(_seconds(step["started_at"], step["ended_at"]) for step in steps)


def _asked(view: RunView) -> datetime:
    """Return when Prefect was asked for the run."""
    states = PrefectApi(load(Settings())).get(f"/flow_run_states/?flow_run_id={view.prefect_flow_run_id}")
    return min(datetime.fromisoformat(state["timestamp"]) for state in states)


def _work(view: RunView) -> float:
    """Return the seconds of stage tasks, by Prefect's clock, and of what is read about the project around the first."""
    runs = {run["name"]: run for run in _task_runs(view)}
    began = {stage.stage: stage.started_at for stage in view.stages if stage.started_at is not None}
    assert view.started_at is not None
    tasks = sum(_seconds(run["start_time"], run["end_time"]) for name, run in runs.items() if _is_stage(name))
    resolving = (began["checkout"] - view.started_at).total_seconds()
    reading = (began["test"] - datetime.fromisoformat(runs["after checkout"]["end_time"])).total_seconds()
    return tasks + resolving + reading


def _task_runs(view: RunView) -> list[dict[str, str]]:
    """Return the run's task runs, once all have ended: the server writes them down some seconds later."""
    api = PrefectApi(load(Settings()))
    body = {"flow_runs": {"id": {"any_": [view.prefect_flow_run_id]}}, "limit": 200}
    deadline = time.monotonic() + 15
    while True:
        runs: list[dict[str, str]] = api.post("/task_runs/filter", body)
        if len(runs) >= 2 * len(view.stages) and all(run["end_time"] for run in runs):
            return runs
        if time.monotonic() > deadline:
            raise TimeoutError(f"Prefect has only {len(runs)} task runs of {len(view.stages)} stages")
        time.sleep(0.2)


def _is_stage(name: str) -> bool:
    return name.startswith(STAGE_TASKS)


def _seconds(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
