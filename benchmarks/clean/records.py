"""From the state of a project, on a machine, to the records of its stages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.clean.machine import Machine, durations
from benchmarks.clean.project import State, changes
from benchmarks.clean.serving import Site
from sluice.records.build import BuildRecord, Release
from sluice.records.checkout import CheckoutRecord
from sluice.records.common import ArtifactRef
from sluice.records.scan import Package, ScanRecord
from sluice.records.testing import CoverageSummary, TestCell, TestExecution, TestRecord
from tests import factories


@dataclass(frozen=True)
class Habits:
    """How a project is tested and served.

    Attributes:
        dialect: whose reports it has: pytest, unittest, jest.
        typical: seconds of a usual test.
        startup: seconds before the first test.
        shards: parts that a cell's tests are split into.
        flaky: share of the runs in which a test passes on a second try.
        sites: environments that its releases are put into; none: it is no service.
        measured: coverage is measured.
    """

    dialect: str = "pytest"
    typical: float = 0.02
    startup: float = 0.8
    shards: int = 1
    flaky: float = 0.0
    sites: tuple[Site, ...] = ()
    measured: bool = True


class Records:
    """The records of one run, stage after stage; each begins when the one before has ended."""

    def __init__(
        self,
        run_id: str,
        commit: str,
        state: State,
        parent: State,
        machine: Machine,
        habits: Habits,
        csv: ArtifactRef,
        ref: str,
    ) -> None:
        self.run_id, self.commit, self.state, self.parent = run_id, commit, state, parent
        self.machine, self.habits, self.csv, self.ref = machine, habits, csv, ref
        self.random: Random = machine.random
        self.tree = hashlib.sha1(commit.encode()).hexdigest()
        self.digest = "sha256:" + hashlib.sha256(commit.encode()).hexdigest()
        self.committed_at = machine.now
        machine.take(self.random.uniform(2, 90))
        self.release: Release = factories.release(
            digest=self.digest, commit=commit, artifact=_artifact("bundle.tar.gz", commit)
        )

    def _stage(self, seconds: float, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        started = self.machine.tick()
        self.machine.take(seconds)
        fields = work()
        self.machine.take(0.05)
        if self.machine.step and self.random.random() < 0.3:
            self.machine.step_back()
        return {"run_id": self.run_id, "started_at": started, "ended_at": self.machine.tick(), **fields}

    def checkout(self, branch: str, default_branch: str) -> CheckoutRecord:
        """Return the checkout of the branch's head."""
        source = factories.source(commit=self.commit, tree=self.tree, committed_at=self.committed_at)
        changed = changes(self.parent, self.state)
        known = {"source": source, "requested_commit": self.commit, "changed_files": changed, "ref_name": branch}
        known |= {"requested_ref": branch, "default_branch": default_branch, "file_count": len(self.state.files)}
        known |= {"base_tree": factories.OTHER_TREE if changed else self.tree}
        return factories.checkout(**self._stage(0.4, lambda: known))

    def test(self, red: int = 0) -> TestRecord:
        """Return the tests of every series and shard; `red` of them failed."""
        executions: list[TestExecution] = []

        def run() -> dict[str, Any]:
            executions.extend(
                self._execution(place, series, shard, red if (place, shard) == (0, 1) else 0)
                for place, series in enumerate(self.state.series)
                for shard in range(1, self.habits.shards + 1)
            )
            return {}

        fields = self._stage(1.5, run)
        reason = f"{red} of the tests failed" if red else ""
        return factories.run_of(*executions, commit=self.commit, passed=not red, reason=reason, **fields)

    def _counts(self, place: int, shard: int) -> tuple[int, int]:
        """Return tests and skips of one shard; on another platform many more are skipped."""
        total, skips = 0, 0
        for number, file in sorted(self.state.files.items()):
            mine = file.tests // self.habits.shards + (shard <= file.tests % self.habits.shards)
            total += mine
            here = file.skips if place == 0 else (file.tests if number % 3 == 0 else file.skips)
            skips += min(mine, here // self.habits.shards + (shard <= here % self.habits.shards))
        return total, min(skips, max(0, total - 1))

    def _execution(self, place: int, series: str, shard: int, red: int) -> TestExecution:
        total, skips = self._counts(place, shard)
        red = min(red, total - skips)
        habits, machine = self.habits, self.machine
        machine.take(0.2)
        started = machine.tick()
        machine.take(habits.startup)
        began = machine.tick()
        spent = durations(self.random, total - skips, habits.typical, machine.slow)
        workers = 4 if habits.dialect == "jest" else 1
        machine.take(spent / machine.slow / workers)
        if machine.step:
            machine.step_back()
        written = machine.file_time(machine.tick())
        machine.take(0.1)
        wall = habits.startup * machine.slow + spent / workers + 0.1 * machine.slow
        retried = ("tests/test_m0.py::test_moody",) if not red and self.random.random() < habits.flaky else ()
        told = {"total": total, "passed": total - skips - red, "failed": red, "skipped": skips}
        alone = habits.measured and not red and habits.shards == 1
        return factories.execution(
            framework={"jest": "command"}.get(habits.dialect, habits.dialect),
            cell=TestCell(
                label=f"{series} {shard}", python="3.11", env={"axis": series}, shard=shard, shards=habits.shards
            ),
            environment={} if habits.dialect == "jest" else {"python": self.state.python, "platform": "linux-x86_64"},
            exit_code=int(red > 0),
            started_at=started,
            ended_at=machine.tick(),
            wall_seconds=wall,
            xfailed=0,
            collected=self.state.total() if habits.shards > 1 else None,
            **told,
            **{f"declared_{name}": told[name] for name in ("total", "failed", "skipped")},
            case_seconds=spent,
            report_written_at=written,
            report_timestamp=machine.stamp(habits.dialect, began, machine.tick()),
            passed_on_retry=retried,
            cases=None,
            report=_artifact("junit.xml", self.run_id + series + str(shard)),
            log=None,
            coverage=self._coverage() if alone else None,
        )

    def _coverage(self) -> CoverageSummary:
        code = [self.state.files[number] for number in self.state.code]
        valid = sum(file.lines for file in code)
        covered = sum(file.lines * file.covered for file in code) + self.random.uniform(-2, 2)
        return factories.coverage(lines_valid=valid, lines_covered=min(valid, max(0, int(covered))), files=self.csv)

    def build(self) -> BuildRecord:
        """Return the release: what is packed, compressed."""
        size = int(2500 + sum(f.size for f in self.state.files.values() if f.packed) * 0.4 + 120 * self.state.runtime)

        def fields() -> dict[str, Any]:
            return {"created_at": self.machine.tick()}

        return factories.build(
            release=self.release,
            read_back_digest=self.digest,
            revision=self.commit,
            built_tree=self.tree,
            tested_tree=self.tree,
            size=size,
            file_count=len(self.state.files),
            inspected_files=4 + sum(f.packed for f in self.state.files.values()),
            lock_packages=self.state.runtime,
            base=self.state.base,
            **self._stage(3.0, fields),
        )

    def scan(self) -> ScanRecord:
        """Return the scan; its bill of materials has what the lock file of the repository names."""
        many = self.state.runtime + self.state.development
        packages = tuple(Package(name=f"p{number}", version="1.0", type="pypi") for number in range(many))
        known = {"subject_digest": self.digest, "scanned_digest": self.digest, "scanned_tree": self.tree}
        known |= {"packages": packages, "sbom": None}
        return factories.scan(**known, **self._stage(2.0, dict))


def _artifact(name: str, of: str) -> ArtifactRef:
    return ArtifactRef(name=name, sha256=hashlib.sha256(of.encode()).hexdigest(), size=2048)
