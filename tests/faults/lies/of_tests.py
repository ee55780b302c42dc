"""The lies of shards and of coverage."""

from __future__ import annotations

from typing import Any

from sluice.records.testing import TestCell
from sluice.stages import testing
from tests.faults.lies.case import Made, lie, twin
from tests.faults.lies.of_reports import GREEN
from tests.faults.lies.world import World, facts_of

FOUR = "import unittest\nclass Case(unittest.TestCase):\n"
FOUR += "".join(f"    def test_{n}(self): pass\n" for n in range(4))
COBERTURA = (
    '<coverage line-rate="1"><packages><package><classes><class filename="{}" line-rate="1"><lines>'
    '<line number="1" hits="1"/><line number="2" hits="1"/></lines></class></classes></package></packages></coverage>'
)


@lie("T09")
def shard_never_ran(world: World) -> Made:
    """of two shards only the first ran"""
    cell = TestCell(label="1of2", shard=1, shards=2)
    record = world.test({"test_a.py": FOUR}, frameworks=["unittest"], shards=2, cell=cell)
    assert record.passed
    return record, facts_of(record)


@lie("T09")
def shards_collect_differently(world: World) -> Made:
    """what is collected depends on the process, so a test is in no shard"""
    text = FOUR + "import os\nif os.environ.get('SHARD_SEES_LESS'):\n    del Case.test_0\n"
    config: dict[str, Any] = {"frameworks": ["unittest"], "shards": 2, "coverage": {"enabled": False}}
    first, second = (TestCell(label=f"{n}of2", shard=n, shards=2) for n in (1, 2))
    both = [
        world.test({"test_a.py": text}, **config, cell=first),
        world.room.run(**config, cell=second, env={"SHARD_SEES_LESS": "1"}),
    ]
    record = testing.merge(both)
    return record, facts_of(record)


@twin("T09")
def both_shards(world: World) -> Made:
    """both shards ran, and together they are the suite"""
    record = world.test({"test_a.py": FOUR}, frameworks=["unittest"], shards=2)
    assert record.total == 4
    return record, facts_of(record)


def _covered(world: World, script: str, measured: str = "app.py", **files: str) -> Made:
    words = ["sh", "-c", f"cp said.xml junit.xml; {script}"]
    known: dict[str, Any] = {"frameworks": ["command"], "command": words, "report": "junit.xml"}
    coverage = {"report": "cov.xml", "fail_under": 50}
    source = {"said.xml": GREEN, "measured.xml": COBERTURA.format(measured), **files}
    record = world.test(source, **known, coverage=coverage)
    return record, facts_of(record, coverage_gate=50.0)


@lie("T11")
def nothing_measured(world: World) -> Made:
    """a gate is set, and nobody measured"""
    return _covered(world, "true")


@lie("T11")
def coverage_of_the_repository(world: World) -> Made:
    """the coverage file is one that was committed"""
    return _covered(world, "true", **{"cov.xml": COBERTURA.format("app.py")})


@twin("T11")
def measured_now(world: World) -> Made:
    """the coverage was written by this run"""
    return _covered(world, "cp measured.xml cov.xml")


@lie("T12")
def only_tests_measured(world: World) -> Made:
    """coverage of 100 %, of the tests alone"""
    return _covered(world, "cp measured.xml cov.xml", "tests/test_app.py")


@twin("T12")
def code_measured(world: World) -> Made:
    """coverage of 100 %, of the code"""
    return _covered(world, "cp measured.xml cov.xml", "app.py")
