"""Months of a simulated project, run after run through the real boundaries, with baselines in a real Postgres."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from benchmarks.clean.branch import Branch, merged
from benchmarks.clean.characters import Character
from benchmarks.clean.delivery import Delivery
from benchmarks.clean.machine import Machine
from benchmarks.clean.project import Project, State, changes
from benchmarks.clean.records_served import ServedRecords
from benchmarks.clean.serving import Environment
from benchmarks.clean.tally import Green, Passage, Seen, Stopped, Tally
from data_checks import contracts
from data_checks.facts import BoundaryFacts
from sluice.artifacts import ArtifactStore
from sluice.errors import ContractRejectedError
from sluice.records.common import StageRecord
from sluice.results.coverage_rows import COLUMNS
from sluice.states import RunState
from sluice.store.baselines import read_history
from sluice.store.ingest import Ingest
from sluice.store.precedents import Precedents
from sluice.store.runs import RunStore

MAIN, PLATFORMS = "main", ("linux/amd64",)
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)  # both changes of the clock in the year lie ahead


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
        places = tuple(Environment(site, self.random) for site in character.habits.sites)
        self.delivery = Delivery(places, self._pass, self._worse)
        self.green: Green | None = None  # of the default branch, the newest
        self.passages: dict[str, Passage] = {}  # the newest accepted of the default branch, by stage
        self._done = self._ref = ""

    def run(self) -> None:
        """Make the next commit and take it through the stages; a false stop ends the run, as in the flow."""
        name, parent, state, commit = self._commit()
        self.trees[commit] = state.copy()
        self.head = commit if name == MAIN else self.head
        records = self._opened(name, "branch", commit, parent)
        if name == MAIN:
            self.delivery.change()
        self._end(records, lambda: self._stages(records, name))
        if self.green is not None and self.green.records is records:
            self._once_more(self.green)

    def _once_more(self, green: Green) -> None:
        """Now and then somebody starts a good commit again, or gives it a tag, which goes to production."""
        for place in self.delivery.places:
            chance = 0.4 if place.site.promote_from else 0.06
            served = place.serving is not None and place.serving.digest == green.records.digest
            if self.random.random() < chance and (served or place.site.promote_from):
                self._again(green, place)

    def _again(self, green: Green, place: Environment) -> None:
        """Take a green commit through once more: what was found out about it is reused, then it is put somewhere."""
        tag = f"v{self.tally.runs}" if place.site.promote_from else ""
        old = green.records
        records = self._opened(tag or MAIN, "tag" if tag else "branch", old.commit, old.parent)
        records.committed_at = old.committed_at
        self._end(records, lambda: self._reused(green, records, place, tag))

    def _reused(self, green: Green, records: ServedRecords, place: Environment, tag: str) -> bool:
        name = tag or MAIN
        known = {"commit": records.commit, "tree": records.tree, "committed_at": records.committed_at}
        self._pass(records, records.checkout(name, MAIN), **known, superseded_by=())
        known |= {"tag": tag or None, "release_digest": records.digest, "base_findings": {}}
        known |= {
            "platforms": PLATFORMS,
            "tested_pythons": (records.state.python,),
            "previous_base": records.state.base,
        }
        for record in green.accepted:
            self._stand(records, record, **known)
        if place.serving is not None and place.serving.digest == records.digest:
            self.delivery.again(records, place, known)
            return True
        return self._released(records, place, known)

    def _opened(self, ref: str, kind: str, commit: str, parent: State) -> ServedRecords:
        """Open the row of a run."""
        self._ref, run_id = ref, str(uuid4())
        words = {"project": self.name, "repository": f"/srv/{self.name}", "requested_ref": ref, "trigger": "webhook"}
        self.runs.open_run(run_id, **words)
        self.runs.start_run(run_id, owner="simulated")
        self.runs.set_commit(run_id, commit=commit, ref_kind=kind, ref_name=ref)
        machine = Machine.at(self.random, self.now)
        return ServedRecords(run_id, commit, self.trees[commit], parent, machine, self.character.habits, self.csv, ref)

    def _end(self, records: ServedRecords, stages: Callable[[], bool]) -> None:
        """Run the stages of an opened run, and end it."""
        run_id, machine = records.run_id, records.machine
        self.tally.runs += 1
        try:
            good = stages()
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

    def _stages(self, records: ServedRecords, branch: str) -> bool:
        """Take the records through their boundaries; return whether the run was green."""
        known = {"commit": records.commit, "tree": records.tree, "committed_at": records.committed_at}
        self._pass(records, records.checkout(branch, MAIN), **known, superseded_by=())
        red = self.random.randint(1, 4) if self.random.random() < 0.04 else 0
        files = self._files_since(branch, records, "test.total")
        tests = records.test(red)
        self._pass(records, tests, **known, files_since=files, coverage_gate=None)
        if not tests.passed:
            self.tally.red += 1
            return False
        before = Precedents(self.engine, self.name, branch)
        built = records.build()
        facts = {
            "platforms": PLATFORMS,
            "previous_base": before.base(),
            "tested_pythons": (records.state.python,),
            "files_since": self._files_since(branch, records, "build.size"),
        }
        self._pass(records, built, **known, **facts)
        known |= {"release_digest": records.digest, "lock_packages": built.lock_packages}
        files = self._files_since(branch, records, "scan.packages")
        scanned = records.scan()
        self._pass(records, scanned, **known, base_findings={}, files_since=files)
        if branch != MAIN:
            return True
        places = [place for place in self.delivery.places if not place.site.promote_from]
        bad = [place for place in places if not self._released(records, place, known)]
        self.green = self.green if bad else Green(records, (tests, built, scanned))
        return not bad

    def _released(self, records: ServedRecords, place: Environment, known: dict[str, Any]) -> bool:
        good = self.delivery.release(records, place, known)
        self.tally.bad += not good
        return good

    def _worse(self, told: str) -> None:
        """Note an honest canary that was called worse: that is a false stop, though no boundary's."""
        self.tally.stops.append(self._seen("CANARY", told))

    def _files_since(self, branch: str, records: ServedRecords, metric: str) -> Any:
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

    def _pass(self, records: ServedRecords, record: StageRecord, stage: str = "", **known: Any) -> str:
        """Check a record and write it, as the boundary task does; with `stage` it takes the place of an earlier one."""
        facts = self._facts(records, known)
        report = contracts()[record.STAGE].check(record, facts)
        stage = stage or self.runs.start_stage(records.run_id, record.STAGE)
        self.tally.count(report, self._seen)
        if not report.accepted:
            self.ingest.reject(stage, record, report)
            raise Stopped
        try:
            self.ingest.accept(stage, record, report)
        except ContractRejectedError as refused:
            self.tally.stops.append(self._seen(refused.code, str(refused)))
            raise Stopped from refused
        if records.ref == MAIN and record.passed:
            self.passages[record.STAGE] = Passage(record, facts)
        return stage

    def _stand(self, records: ServedRecords, record: StageRecord, **known: Any) -> None:
        """Let the accepted record of an earlier run stand for this one, as the boundary task does."""
        facts = self._facts(records, known)
        report = contracts()[record.STAGE].check_again(record, facts)
        stage = self.runs.start_stage(records.run_id, record.STAGE)
        if report is not None:
            self.tally.count(report, self._seen)
            if report.stops:
                self.ingest.reject(stage, record, report)
                raise Stopped
        self.ingest.reuse(stage, record, report)

    def _facts(self, records: ServedRecords, known: dict[str, Any]) -> BoundaryFacts:
        return BoundaryFacts(run_id=records.run_id, now=records.machine.now, history=self.history(records.ref), **known)

    def _seen(self, code: str, message: str) -> Seen:
        return Seen(code, f"{self.name} run {self.tally.runs} on {self._ref}", self._done, message)
