"""The lies of shards and of coverage."""

from __future__ import annotations

from functools import partial
from typing import Any

from sluice.artifacts import ArtifactStore
from sluice.records.testing import TestCell, TestRecord
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


RENAMED = """
import os
def test_0(): pass
def test_1(): pass
def test_2(): pass
exec(f"def test_{os.environ['WHERE']}(): pass")
"""


@lie("T09")
def same_number_of_other_tests(world: World) -> Made:
    """a test is called after the machine: the numbers agree, and the one that the first shard saw is in none"""
    return _in_two_shards(world, {"test_a.py": RENAMED}, ({"WHERE": "x_here"}, {"WHERE": "y_there"}))


ANOTHER = """
import os, pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_collection_modifyitems(items):
    every = {item.name: item for item in items}
    yield
    if os.environ.get("SECOND"):
        items[:] = [every["test_0"], *items[1:]]
"""


@lie("T09")
def another_test_twice(world: World) -> Made:
    """a plugin of the project has the second shard run a test of the first once more, and one of its own never"""
    files = {"test_a.py": "".join(f"def test_{n}(): pass\n" for n in range(4)), "conftest.py": ANOTHER}
    record, facts = _in_two_shards(world, files, ({}, {"SECOND": "1"}))
    assert isinstance(record, TestRecord)
    assert (record.passed, record.total, record.executions[0].collected) == (True, 4, 4)
    return record, facts


def _in_two_shards(world: World, files: dict[str, str], environments: tuple[dict[str, str], dict[str, str]]) -> Made:
    """Run both shards, each with its own environment variables, and merge them as the flow does."""
    known: dict[str, Any] = {"frameworks": ["pytest"], "shards": 2, "coverage": {"enabled": False}}
    cells = [TestCell(label=f"{n}of2", shard=n, shards=2) for n in (1, 2)]
    both = [
        (world.room.run if n else partial(world.test, files))(**known, cell=cell, env=environments[n])
        for n, cell in enumerate(cells)
    ]
    record = testing.merge(both, ArtifactStore(world.home.artifacts))
    return record, facts_of(record)


@twin("T09", beside=("T15",))
def more_cases_than_tests(world: World) -> Made:
    """both shards ran: with subtests, a test that names itself anew, one that was run again, and a skipped class"""
    files = {"test_a.py": HONEST, "test_b.py": CLASSES}
    (world.folder / "room").mkdir()
    world.room.project(**files)
    known: dict[str, Any] = {"shards": 2, "coverage": {"enabled": False}, "frameworks": ["pytest", "unittest"]}
    record = world.room.run(**known, packages=["pytest-rerunfailures"], args=[])
    assert record.passed, record.reason
    assert all(each.lost_ids == () for each in record.executions)
    return record, facts_of(record)


HONEST = """
import pathlib, pytest
def test_named(record_xml_attribute): record_xml_attribute("name", "as the specification calls it")
def test_parts(subtests):
    for n in range(3):
        with subtests.test(n=n): pass
@pytest.mark.flaky(reruns=2)
def test_again(tmp_path_factory):
    seen = pathlib.Path("seen")
    seen.write_text(seen.read_text() + "x" if seen.exists() else "x")
    assert len(seen.read_text()) > 1
@pytest.mark.parametrize("text", ["\x1b[0m", "a::b", "[", "\u00e9"])
def test_odd(text): pass
"""
CLASSES = """
import unittest
class Skipped(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("not here")
    def test_1(self): pass
    def test_2(self): pass
class Run(unittest.TestCase):
    def test_3(self):
        for n in range(2):
            with self.subTest(n=n): pass
"""


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


NEW = "def twice(x):\n    return 2 * x\n"


def _changed(world: World, tests: str) -> Made:
    """Check out a commit that adds a function, run its tests, and hold what it wrote against a gate of 80 %."""
    old = "def once(x):\n    y = x\n    y = y + 0\n    y = y + 0\n    y = y + 0\n    y = y + 0\n    return y\n"
    first = "from app import once\ndef test_once(): assert once(1) == 1\n"
    repository = world.repository(**{"app.py": old, "test_app.py": first})
    repository.commit({"app.py": f"{old}{NEW}", "test_app.py": tests})
    source = world.check_out(repository)
    (world.folder / "room").mkdir()
    world.room.source = source.source
    record = world.room.run(frameworks=["pytest"], coverage={"fail_under": 80, "changed_lines": 80})
    assert record.passed, record.reason
    change = testing.changed_lines(source.changed_files, record, ArtifactStore(world.home.artifacts))
    known: dict[str, Any] = {"coverage_gate": 80.0, "changed_lines_gate": 80.0, "changed_lines": change}
    return record, facts_of(record, history=world.learn(record), **known)


@lie("T13")
def new_code_without_a_test(world: World) -> Made:
    """the commit adds a function that no test reaches, and the coverage of everything is over its gate"""
    return _changed(world, "from app import once\ndef test_once(): assert once(1) == 1  # as before\n")


@twin("T13")
def new_code_with_its_test(world: World) -> Made:
    """the commit adds the same function with a test of it"""
    return _changed(world, "from app import once, twice\ndef test_both(): assert once(1) + twice(1) == 3\n")
