"""Months of a simulated project, run after run through the real boundaries, with baselines in a real Postgres."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from benchmarks.clean.branch import Branch, merged
from benchmarks.clean.characters import Character
from benchmarks.clean.machine import Machine
from benchmarks.clean.project import Project, State, changes
from benchmarks.clean.records import Records
from data_checks import contracts
from data_checks.facts import BoundaryFacts
from sluice.artifacts import ArtifactStore
from sluice.errors import ContractRejectedError
from sluice.records.build import Release
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord
from sluice.results.coverage_rows import COLUMNS
from sluice.states import RunState
from sluice.store.baselines import read_history
from sluice.store.ingest import Ingest
from sluice.store.precedents import Precedents
from sluice.store.runs import RunStore

MAIN = "main"
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)  # both changes of the clock in the year lie ahead


class Stopped(Exception):  # noqa: N818 - a word of the flow, no mistake
    """A boundary stopped the run."""


@dataclass(frozen=True)
class Seen:
    """A stop or a warning: of which run, and what had been done in its commit."""

    code: str
    where: str
    done: str
    message: str


@dataclass
class Tally:
    """What the boundaries said of a history."""

    runs: int = 0
    red: int = 0
    boundaries: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    stops: list[Seen] = field(default_factory=list)
    warns: list[Seen] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another one's too."""
        self.runs, self.red, self.boundaries = (
            self.runs + other.runs,
            self.red + other.red,
            self.boundaries + other.boundaries,
        )
        self.statuses += other.statuses
        self.stops += other.stops
        self.warns += other.warns


@dataclass(frozen=True)
class Passage:
    """A record on its way, and what the runner knows beside it: a lie is told of a copy of these."""

    record: Any
    facts: BoundaryFacts


class History:
    """One project's past. `run` takes its next commit through the pipeline."""

    def __init__(self, character: Character, seed: int, engine: Engine, artifacts: Path) -> None:
        self.character = character
        self.random = Random(f"{character.name} {seed}")
        self.project = Project(
            character.name, self.random, modules=character.modules, tests=character.tests, weights=character.weights
        )
        self.name = f"{character.name}-{seed}"
        self.engine, self.runs = engine, RunStore(engine)
        self.store = ArtifactStore(artifacts)
        self.ingest = Ingest(engine, self.store)
        self.csv = self.store.put_bytes((",".join(COLUMNS) + "\n").encode(), "coverage.csv")
        self.tally = Tally()
        self.now = BEGIN + timedelta(days=self.random.uniform(0, 200))
        self.trees: dict[str, State] = {}
        self.branch: Branch | None = None
        self.head = ""  # of the default branch
        self.served: list[Release] = []
        self.passages: dict[str, Passage] = {}  # the newest accepted of the default branch, by stage
        self._done = ""

    def run(self) -> None:
        """Make the next commit and take it through the stages; a false stop ends the run, as in the flow."""
        name, parent, state, commit = self._commit()
        self.trees[commit] = state.copy()
        self.head = commit if name == MAIN else self.head
        run_id = str(uuid4())
        words = {"project": self.name, "repository": f"/srv/{self.name}", "requested_ref": name, "trigger": "webhook"}
        self.runs.open_run(run_id, **words)
        self.runs.start_run(run_id, owner="simulated")
        self.runs.set_commit(run_id, commit=commit, ref_kind="branch", ref_name=name)
        machine = Machine.at(self.random, self.now)
        records = Records(run_id, commit, self.trees[commit], parent, machine, self.character.habits, self.csv)
        self.tally.runs += 1
        try:
            good = self._stages(records, name)
        except Stopped:
            self.runs.finish_run(run_id, RunState.REJECTED, "stopped", 16)
        else:
            self.runs.finish_run(run_id, *((RunState.PASSED, "", 0) if good else (RunState.FAILED, "red", 10)))
        self.now = max(machine.now, self.now) + timedelta(hours=self.random.lognormvariate(0.5, 1.5))

    def _commit(self) -> tuple[str, State, State, str]:
        """Return branch, parent tree, tree and id of the next commit, which may be a merge."""
        project, draw = self.project, self.random
        if self.branch is None and draw.random() < self.character.branches:
            base = project.state.copy()
            name = f"feature-{project.commits}"
            self.branch = Branch(name, base.copy(), base, draw.randint(1, 9), self.head)
        branch, main = self.branch, project.state
        if branch is None or draw.random() < 0.4:
            parent = main.copy()
            return MAIN, parent, project.state, self._made(project.commit())
        if branch.left == 0:
            self.branch = None
            parent = main.copy()
            project.state = merged(branch, main)
            project.done = [f"merge of {branch.name}"]
            project.commits += 1
            return MAIN, parent, project.state, self._made(f"{draw.getrandbits(160):040x}")
        branch.left -= 1
        parent = branch.state.copy()
        project.state = branch.state
        try:
            commit = project.commit()
            branch.state = project.state
        finally:
            project.state = main
        return branch.name, parent, branch.state, self._made(commit)

    def _made(self, commit: str) -> str:
        self._done = ", ".join(self.project.done)
        return commit

    def _stages(self, records: Records, branch: str) -> bool:
        """Take the records through their boundaries; return whether the run was green."""
        known = {"commit": records.commit, "tree": records.tree, "committed_at": records.committed_at}
        self._pass(records, branch, records.checkout(branch, MAIN), **known, superseded_by=())
        red = self.random.randint(1, 4) if self.random.random() < 0.04 else 0
        files = self._files_since(branch, records, "test.total")
        tests = records.test(red)
        self._pass(records, branch, tests, **known, files_since=files, coverage_gate=None)
        if not tests.passed:
            self.tally.red += 1
            return False
        before = Precedents(self.engine, self.name, branch)
        built = records.build()
        facts = {
            "platforms": ("linux/amd64",),
            "previous_base": before.base(),
            "tested_pythons": (records.state.python,),
            "files_since": self._files_since(branch, records, "build.size"),
        }
        self._pass(records, branch, built, **known, **facts)
        known |= {"release_digest": records.digest, "lock_packages": built.lock_packages}
        files = self._files_since(branch, records, "scan.packages")
        self._pass(records, branch, records.scan(), **known, base_findings={}, files_since=files)
        if self.character.habits.p95 is not None and branch == MAIN:
            self._release(records, branch, known)
        return True

    def _release(self, records: Records, branch: str, known: dict[str, Any]) -> None:
        previous = self.served[-1] if self.served else None
        self._pass(records, branch, records.deploy(previous), **known, replicas=2)
        self._pass(records, branch, records.smoke(), **known)
        self.served.append(records.release)
        if previous is not None and self.random.random() < 0.04:  # somebody goes back by hand
            self._pass(records, branch, records.rollback(previous), **known)
            self.served.append(previous)

    def _files_since(self, branch: str, records: Records, metric: str) -> Any:
        """Return what differs from the newest run that the metric has, as the flow asks for it."""
        newest = self.history(branch).baselines.get(metric)
        if newest is None or newest.commit not in self.trees:
            return None
        if newest.branch != branch and (self.branch is None or newest.commit != self.branch.fork):
            return None  # the default branch went on: the branch does not contain it
        return changes(self.trees[newest.commit], records.state)

    def history(self, branch: str = MAIN) -> Any:
        """Return what is usual, read from Postgres."""
        return read_history(self.engine, self.name, branch, MAIN)

    def _pass(self, records: Records, branch: str, record: StageRecord, **known: Any) -> None:
        """Check a record and write it, as the boundary task does."""
        facts = BoundaryFacts(run_id=records.run_id, now=records.machine.now, history=self.history(branch), **known)
        report = contracts()[record.STAGE].check(record, facts)
        stage = self.runs.start_stage(records.run_id, record.STAGE)
        self._count(report, branch)
        if not report.accepted:
            self.ingest.reject(stage, record, report)
            raise Stopped
        try:
            self.ingest.accept(stage, record, report)
        except ContractRejectedError as refused:
            self._see(self.tally.stops, refused.code, branch, str(refused))
            raise Stopped from refused
        if branch == MAIN and record.passed:
            self.passages[record.STAGE] = Passage(record, facts)

    def _count(self, report: BoundaryReport, branch: str) -> None:
        self.tally.boundaries += 1
        self.tally.statuses.update(result.status.value for result in report.results)
        for result in report.stops:
            self._see(self.tally.stops, result.code, branch, result.message)
        for result in report.warnings:
            self._see(self.tally.warns, result.code, branch, result.message)

    def _see(self, where: list[Seen], code: str, branch: str, message: str) -> None:
        where.append(Seen(code, f"{self.name} run {self.tally.runs} on {branch}", self._done, message))
