"""What differs between two runs, from real rows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sluice.cli.diff import lines
from sluice.errors import UsageError
from sluice.records.common import ArtifactRef
from sluice.records.scan import Package
from sluice.report.compare import compare
from sluice.report.difference import CoverageChange, Difference, Value
from sluice.report.document import plain_data
from sluice.results.cases import COLUMNS as CASE_COLUMNS
from sluice.results.coverage_rows import COLUMNS as COVERAGE_COLUMNS
from sluice.store.read import Reader
from tests import factories
from tests.postgres.parts import a_run
from tests.postgres.test_ingest import rejected, stage_of
from tests.postgres.test_report import World, found

pytestmark = pytest.mark.postgres

Cases = dict[str, tuple[str, float]]
BEFORE: Cases = {
    "stays": ("passed", 0.2),
    "breaks": ("passed", 0.1),
    "heals": ("failed", 0.1),
    "hides": ("failed", 0.1),
    "goes": ("passed", 0.1),
    "slow": ("passed", 1.0),
    "quick": ("passed", 3.0),
    "tiny": ("passed", 0.01),
}
AFTER: Cases = {
    "stays": ("passed", 0.25),
    "breaks": ("error", 0.1),
    "heals": ("passed", 0.1),
    "hides": ("skipped", 0.1),
    "comes": ("passed", 0.1),
    "comes red": ("failed", 0.1),
    "slow": ("passed", 2.0),
    "quick": ("passed", 0.5),
    "tiny": ("passed", 0.09),
}


class Bench:
    def __init__(self, world: World) -> None:
        self.world = world

    def table(self, name: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> ArtifactRef:
        buffer = io.StringIO()
        write = csv.writer(buffer, lineterminator="\n").writerow
        for row in [head, *rows]:
            write(row)
        return self.world.files.put_bytes(buffer.getvalue().encode(), name, "text/csv")

    def tests(self, run: str, cases: Cases, covered: dict[str, int], **environment: str) -> Any:
        blank = dict.fromkeys(CASE_COLUMNS, "") | {"suite": "s", "occurrence": 1}
        told = [
            tuple((blank | {"ordinal": n, "name": name, "status": status, "duration_seconds": seconds}).values())
            for n, (name, (status, seconds)) in enumerate(cases.items(), start=1)
        ]
        states = [status for status, _ in cases.values()]
        files = [(path, 100, lines, 0, 0, "", "") for path, lines in covered.items()]
        counts = {name: states.count(name) for name in ("passed", "failed", "skipped")}
        made = factories.execution(
            **counts,
            total=len(states),
            errors=states.count("error"),
            **dict.fromkeys(("xfailed", "xpassed"), 0),
            exit_code=int({"failed", "error"} & set(states) != set()),
            cases=self.table("cases.csv", CASE_COLUMNS, told),
            coverage=factories.coverage(files=self.table("coverage.csv", COVERAGE_COLUMNS, files)),
            environment=environment,
        )
        return factories.run_of(made, run_id=run)

    def run(
        self, cases: Cases, covered: dict[str, int], config: dict[str, Any], scan: dict[str, Any], python: str
    ) -> str:
        run = a_run(self.world.engine)
        self.world.store.set_plan(run, {}, config)
        self.world.accept(self.tests(run, cases, covered, python=python), factories.scan(run_id=run, **scan))
        return run

    def compare(self, before: str, after: str) -> Difference:
        reader = Reader(self.world.engine)
        return compare(reader, reader.resolve_run(before), reader.resolve_run(after))


@pytest.fixture
def bench(engine: Engine, tmp_path: Path) -> Bench:
    return Bench(World(engine, tmp_path))


def packages(**versions: str) -> tuple[Package, ...]:
    return tuple(Package(name=name, version=version, type="pypi") for name, version in versions.items())


@pytest.fixture
def pair(bench: Bench) -> tuple[str, str]:
    before = bench.run(
        BEFORE,
        {"a.py": 50, "b.py": 80},
        {"test": {"args": [], "shards": 1}, "scan": {"gate": "high"}},
        {**found("old", "gone"), "packages": packages(flask="3.0", click="8.1")},
        "3.11.2",
    )
    after = bench.run(
        AFTER,
        {"a.py": 60, "b.py": 80, "c.py": 10},
        {"test": {"args": ["-x"], "shards": 1}, "scan": {"gate": "low"}},
        {**found("old", "new"), "packages": packages(flask="3.1", jinja2="3.1")},
        "3.11.9",
    )
    return before, after


def test_everything_that_differs(bench: Bench, pair: tuple[str, str]) -> None:
    found = bench.compare(*pair)
    tests = found.tests
    assert (tests.before, tests.after) == (8, 9)
    assert (tests.new, tests.gone) == (("comes", "comes red"), ("goes",))
    assert (tests.newly_red, tests.newly_green) == (("breaks", "comes red"), ("heals",))
    moved = [(each.name, each.before, each.after) for each in found.durations if not each.name.startswith("stage ")]
    assert moved == [("quick", 3.0, 0.5), ("slow", 1.0, 2.0)]
    assert found.coverage == (
        CoverageChange("", 130 / 200, 150 / 300),
        CoverageChange("a.py", 0.5, 0.6),
        CoverageChange("c.py", None, 0.1),
    )
    assert [each.fingerprint for each in found.new_findings] == ["new"]
    assert [each.fingerprint for each in found.gone_findings] == ["gone"]
    assert found.packages == (
        Value("pypi click", "8.1", None),
        Value("pypi flask", "3.0", "3.1"),
        Value("pypi jinja2", None, "3.1"),
    )
    assert found.config == ('scan.gate: "high" → "low"', 'test.args: [] → ["-x"]')
    assert found.environment == (Value("py3.11 python", "3.11.2", "3.11.9"),)


def test_it_reads_well_and_is_json(bench: Bench, pair: tuple[str, str]) -> None:
    found = bench.compare(*pair)
    text = "\n".join(line.plain for line in lines(found))
    for words in (
        "\ntests\n  newly red: 2 tests\n    breaks\n    comes red\n  newly green: 1 test\n    heals\n",
        "   65.0% → 50.0%  everything\n   50.0% → 60.0%  a.py\n       — → 10.0%  c.py",
        "  + medium B311  ",
        "  pypi flask: 3.0 → 3.1\n  pypi jinja2: (not there) → 3.1",
    ):
        assert words in text, text
    data = json.loads(json.dumps(plain_data(found)))
    assert (data["version"], data["after"]["id"], data["tests"]["gone"]) == (1, pair[1], ["goes"])
    document = (Path(__file__).parents[2] / "docs/report.md").read_text()
    assert {name for name in data if f"`{name}`" not in document} == set()


def test_the_same_run_does_not_differ(bench: Bench, pair: tuple[str, str]) -> None:
    found = bench.compare(pair[0], pair[0])
    text = [line.plain for line in lines(found)]
    assert text[2:] == ["\nthe same: tests, durations, coverage, findings, packages, config, environment"]


def test_a_reused_stage_is_the_one_that_did_the_work(bench: Bench) -> None:
    first, again = a_run(bench.world.engine), a_run(bench.world.engine)
    record = bench.tests(first, {"stays": ("passed", 0.2)}, {"a.py": 50}, python="3.11.2")
    bench.world.accept(record)
    bench.world.ingest.reuse(stage_of(bench.world.engine, record, again), record)
    found = bench.compare(first, again)
    assert (found.tests.before, found.tests.after, found.tests.new, found.coverage) == (1, 1, (), ())


def test_no_accepted_tests_are_not_no_tests(bench: Bench, pair: tuple[str, str]) -> None:
    run = a_run(bench.world.engine)
    lie = bench.tests(run, AFTER, {})
    bench.world.ingest.reject(stage_of(bench.world.engine, lie), lie, rejected())
    found = bench.compare(pair[0], run)
    assert (found.tests.before, found.tests.after, found.tests.gone) == (8, None, ())
    assert "the later run has no accepted tests" in "\n".join(line.plain for line in lines(found))


def test_runs_of_two_projects_are_not_compared(bench: Bench, pair: tuple[str, str]) -> None:
    other = a_run(bench.world.engine, project="other")
    with pytest.raises(UsageError, match="PROJECTS_DIFFER"):
        bench.compare(pair[0], other)
