"""Real commits of a real repository through the pipeline's stages: `python -m benchmarks.replay REPOSITORY`.

Checkout, test, build and scan really run for each of the last commits of a branch, oldest first, as if each had been
pushed; each record goes through its boundary with the baselines of the commits before. Only Prefect and the reuse of
results are left out. A stop is shown in full: whether it is true must be judged by a person.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.room import load
from data_checks import contracts
from data_checks.facts import BoundaryFacts
from flows.project import checkout_facts, checkout_request, read_project, resolve
from flows.run import Run
from flows.stage import BUILD, CHECKOUT, SCAN, TEST, Stage
from sluice import command
from sluice.artifacts import ArtifactStore
from sluice.database import database
from sluice.errors import Exit, SluiceError
from sluice.records.checks import BoundaryReport, CheckResult
from sluice.records.common import StageRecord
from sluice.records.request import PipelineRequest, Trigger
from sluice.records.testing import TestRecord
from sluice.services import addresses
from sluice.settings import Settings
from sluice.stages import build as build_stage
from sluice.stages import checkout as checkout_stage
from sluice.stages import scan as scan_stage
from sluice.stages import testing as test_stage
from sluice.stages.workplace import now, open_workplace
from sluice.states import CheckStatus, RunState, StageName
from sluice.store.ingest import Ingest
from tasks.boundary import rejection
from tests.postgres_server import TEMPLATE, migrated_postgres

SHOWN = 3  # red tests that are named
WORK: dict[StageName, Callable[[Any, Any], Any]] = {
    StageName.CHECKOUT: checkout_stage.checkout,
    StageName.TEST: test_stage.run_tests,
    StageName.BUILD: build_stage.build,
    StageName.SCAN: scan_stage.scan,
}


@dataclass
class Told:
    """What became of one commit: what each stage said, what each boundary said, and how the run ended."""

    commit: str
    subject: str
    stages: dict[StageName, StageRecord] = field(default_factory=dict)
    reports: list[BoundaryReport] = field(default_factory=list)
    end: str = "passed"
    seconds: float = 0.0

    def of(self, pick: Callable[[BoundaryReport], Sequence[CheckResult]]) -> list[CheckResult]:
        """Return the results that `pick` takes out of each boundary's report."""
        return [result for report in self.reports for result in pick(report)]


class Replayed(Run):
    """A run whose stages are called as plain functions, and whose boundaries are called without a task around them."""

    told: Told
    gate: str | None = None

    def _work(self, stage: Stage, requests: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        records = []
        for request in requests:
            with open_workplace(self.context(stage)) as place:
                records.append(WORK[stage.name](request, place))
        if len(records) == 1:
            return records[0], ()
        assert stage.merge is not None
        return stage.merge(records, self.id), tuple(records)

    def _pass(
        self, stage: Stage, record: StageRecord, facts: dict[str, Any], cells: tuple[StageRecord, ...] = ()
    ) -> None:
        held = BoundaryFacts(run_id=self.id, now=now(), history=self.history(), **facts)
        report = contracts()[stage.name].check(record, held)
        self.told.stages[stage.name] = record
        self.told.reports.append(report)
        ingest = Ingest(database(), ArtifactStore(self.home.artifacts))
        if not report.accepted:
            ingest.reject(self._attempts[stage.name], record, report)
            raise rejection(self.context(stage), report)
        ingest.accept(self._attempts[stage.name], record, report, cells=cells)


def replay(repository: Path, branch: str, commit: str, before: str | None, gate: str | None) -> Told:
    """Push one commit to the branch and run it; a user's error or a red stage ends the run, as in the pipeline."""
    git(repository, "update-ref", f"refs/heads/{branch}", commit)
    request = PipelineRequest(
        repository=str(repository),
        ref=branch,
        expected_commit=commit,
        previous_commit=before,
        trigger=Trigger.WEBHOOK,
        run_id=str(uuid4()),
    )
    run = Replayed.of_pipeline(request)
    run.gate = gate
    run.told = Told(commit, git(repository, "log", "-1", "--format=%s", commit))
    run.store.start_run(run.id, owner="replay")
    began = time.monotonic()
    try:
        stages(run, request)
        run.end(RunState.PASSED, "", int(Exit.GREEN))
    except SluiceError as error:
        run.told.end = f"{error.code}: {error.message}"
        rejected = error.exit_code is Exit.CONTRACT_REJECTED
        run.end(RunState.REJECTED if rejected else RunState.FAILED, str(error), int(error.exit_code))
    run.told.seconds = time.monotonic() - began
    return run.told


def stages(run: Replayed, request: PipelineRequest) -> None:
    """Do what the pipeline does until the scan."""
    resolved, config = resolve(run, request)
    run.is_about(resolved, config)
    facts = checkout_facts(run, request, resolved)
    source = run.through(CHECKOUT, checkout_request(request, resolved, config), **facts)
    project = read_project(run, request, source)
    if run.gate is not None:
        scan = project.config.scan.model_copy(update={"gate": run.gate})
        project = replace(project, config=project.config.model_copy(update={"scan": scan}))
    run.through(TEST, *project.test_requests(run), **project.test_facts(run))
    built = run.through(BUILD, project.build_request(), **project.build_facts(run))
    base = project.base_findings(run)
    run.through(SCAN, project.scan_request(built, base), **project.scan_facts(run, base))


def git(repository: Path, *words: str) -> str:
    """Run git there and return what it prints."""
    return command.run(["git", "-C", repository, *words], timeout=600).output.strip()


@contextmanager
def home() -> Iterator[Path]:
    """Give a state directory and a migrated database of its own; nothing of them is left."""
    with (
        tempfile.TemporaryDirectory(prefix="sluice-replay-", ignore_cleanup_errors=True) as folder,
        migrated_postgres() as server,
        server.database(TEMPLATE) as url,
    ):
        os.environ |= {"SLUICE_HOME": f"{folder}/home", "SLUICE_DATABASE_URL": url.replace("+psycopg", "")}
        Settings().home.make()
        addresses.choose(Settings())
        try:
            yield Path(folder)
        finally:
            database().dispose()


def line(told: Told) -> str:
    """Return what became of a commit as one line, and each stop and warning as one more."""
    headlines = "; ".join(f"{name}: {record.headline()}" for name, record in told.stages.items() if name != "checkout")
    stops, warns = told.of(lambda report: report.stops), told.of(lambda report: report.warnings)
    lines = [f"{told.commit[:10]} {told.subject[:60]} ({told.seconds:.0f} s)", f"    {headlines}", f"    {told.end}"]
    tests = told.stages.get(StageName.TEST)
    red = tests.failures[:SHOWN] if isinstance(tests, TestRecord) else ()
    lines += [f"    red {each.id}: {' '.join(each.message.split())[:200]}" for each in red]
    lines += [f"    STOP {each.code} {each.message}" for each in stops]
    return "\n".join(lines + [f"    warn {each.code} {each.message}" for each in warns])


def summary(all_of_them: Sequence[Told]) -> str:
    """Return the table of all commits together."""
    results = [result for told in all_of_them for report in told.reports for result in report.results]
    stops = Counter(each.code for each in results if each.stops)
    warns = Counter(each.code for told in all_of_them for each in told.of(lambda report: report.warnings))
    ends = Counter(told.end.split(":")[0] for told in all_of_them)
    thin = sum(each.status is CheckStatus.NOT_ENOUGH_HISTORY for each in results)
    head = "commits", "ended", "boundaries", "checks", "not enough history", "stops", "warnings"
    boundaries = sum(len(told.reports) for told in all_of_them)
    row = len(all_of_them), _told(ends), boundaries, len(results), thin, _told(stops) or "none", _told(warns) or "none"
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in (head, ["---"] * len(head), row))


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


def main() -> None:
    """Replay and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("repository", help="a git repository on this machine; it is cloned, and not changed")
    words.add_argument("--commits", type=int, default=30, help="how many first parents, up to the branch's head")
    words.add_argument("--branch", default="main")
    words.add_argument("--skip", type=int, default=0, help="newest commits to leave out")
    words.add_argument("--gate", help="`scan.gate` instead of the project's, as one begins: `none`")
    asked = words.parse_args()
    results = sys.stdout
    with home() as folder, redirect_stdout(sys.stderr):
        source = Path(asked.repository).resolve()
        name = (source.parent if source.name in ("repo", ".git") else source).name.rpartition("+")[2]
        repository = folder / name
        command.run(
            ["git", "clone", "--quiet", "--bare", "--branch", asked.branch, "--single-branch", source, repository]
        )
        newest = [f"--max-count={asked.commits + 1}", f"--skip={asked.skip}", asked.branch]
        found = git(repository, "rev-list", "--first-parent", *newest).split()[::-1]
        replayed: list[Told] = []
        for before, commit in pairwise(found):
            replayed.append(replay(repository, asked.branch, commit, before, asked.gate))
            print(line(replayed[-1]), file=results, flush=True)
        print(f"\n{name}\n\n{summary(replayed)}\n\n{load()}", file=results, flush=True)


if __name__ == "__main__":
    main()
