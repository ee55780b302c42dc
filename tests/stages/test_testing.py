"""The test stage on tiny real projects, with the real runners."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path

import pytest

from sluice.records.testing import TestCell
from sluice.stages.testing.errors import PythonMissingError, TestSetupError
from tests.stages.testing_room import CODE, PACKAGE, Room, counts, only, problem

GREEN = "from thing import choose\n\ndef test_one():\n    assert choose(1) == 1\n"
ALL_KINDS = """
import sys
import pytest
import warnings
from thing import choose

@pytest.fixture
def breaks():
    yield
    raise RuntimeError("teardown")

def test_ok(): assert choose(1) == 1
def test_red(): assert choose(0) == 1
@pytest.mark.parametrize("x", ["a b", "c::d", "e/[f]", "ü"])
def test_each(x): assert x
@pytest.mark.xfail(reason="known")
def test_expected(): assert 0
@pytest.mark.xfail(reason="known")
def test_unexpected(): pass
@pytest.mark.xfail(strict=True, reason="known")
def test_strict(): pass
@pytest.mark.skip(reason="not today")
def test_skipped(): pass
def test_breaks_after(breaks): pass
def test_fails_and_breaks(breaks): assert 0
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home that all tests of the stage share: the environments in it take seconds to make."""
    return tmp_path_factory.getbasetemp() / "test-stage-home"


@pytest.fixture
def room(tmp_path: Path, home: Path) -> Room:
    return Room(tmp_path, home)


def package(**files: str) -> dict[str, str]:
    return {"pyproject.toml": PACKAGE, "src/thing/__init__.py": CODE, **files}


def test_a_green_package(room: Room) -> None:
    room.project(**package(**{"tests/test_a.py": GREEN}))
    record = room.run(frameworks=["pytest"])
    found = only(record)
    assert (record.passed, record.reason) == (True, "")
    assert counts(found) == {"total": 1, "passed": 1}
    assert (found.declared_total, found.collected, found.exit_code, found.signal) == (1, 1, 0, None)
    assert found.framework_version.startswith("9.")
    assert found.environment["python"].startswith("3.")
    assert found.environment["lock"] == "resolved"
    assert found.report_problem is None
    assert found.coverage is not None
    assert (found.coverage.lines_valid, found.coverage.lines_covered) == (4, 3)
    assert (found.coverage.branches_valid, found.coverage.branches_covered) == (2, 1)
    (row,) = room.rows(found.coverage.files)
    assert row["path"] == "src/thing/__init__.py"
    assert row["missing_lines"] == "4"
    (case,) = room.rows(found.cases)
    assert (case["classname"], case["name"], case["file"], case["line"], case["status"]) == (
        "tests.test_a",
        "test_one",
        "tests/test_a.py",
        "2",
        "passed",
    )
    assert "1 passed" in room.read(found.log)
    assert found.peak_memory_bytes > 1 << 20
    assert found.started_at <= found.report_written_at <= found.ended_at  # type: ignore[operator]
    assert pickle.loads(pickle.dumps(record)) == record
    assert record.headline() == "1 passed · coverage 75%"


def test_every_outcome_of_pytest(room: Room) -> None:
    room.project(**package(**{"tests/test_a.py": ALL_KINDS}))
    record = room.run(frameworks=["pytest"])
    found = only(record)
    assert counts(found) == {
        "total": 12,
        "passed": 5,
        "failed": 3,
        "errors": 1,
        "skipped": 1,
        "xfailed": 1,
        "xpassed": 1,
    }
    assert "3 failed, 6 passed, 1 skipped, 1 xfailed, 1 xpassed, 2 errors" in room.read(found.log)
    assert (found.declared_total, found.declared_failed) == (12, 3)
    assert found.duplicate_ids == ()
    assert (record.passed, record.reason) == (False, "4 of 12 tests failed")
    assert [failure.id for failure in record.failures] == [
        "tests.test_a::test_red",
        "tests.test_a::test_strict",
        "tests.test_a::test_breaks_after",
        "tests.test_a::test_fails_and_breaks",
    ]
    assert record.failures[0].message == "assert 2 == 1\n +  where 2 = choose(0)"
    assert "test_a.py" in record.failures[0].detail


def test_an_error_while_collecting(room: Room) -> None:
    room.project(**{"test_a.py": "import nowhere_to_be_found\n", "test_b.py": "def test_b(): pass\n"})
    found = only(room.run(frameworks=["pytest"]))
    assert counts(found) == {"total": 1, "errors": 1}
    assert (found.exit_code, problem(found), found.collected) == (2, "", 2)


def test_unittest_counts_what_unittest_counts(room: Room) -> None:
    text = """
import unittest
class A(unittest.TestCase):
    def test_ok(self): pass
    def test_subs(self):
        for i in range(4):
            with self.subTest(i=i): self.assertEqual(i % 2, 0)
    @unittest.expectedFailure
    def test_expected(self): self.fail("x")
    @unittest.expectedFailure
    def test_unexpected(self): pass
    @unittest.skip("why")
    def test_skipped(self): pass
    def test_error(self): raise ValueError("\\x1b[31m")
class B(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError("class")
    def test_never(self): pass
"""
    room.project(**{"test_a.py": text})
    record = room.run(frameworks=["unittest"])
    found = only(record)
    assert "Ran 6 tests" in room.read(found.log)
    assert counts(found) == {"total": 7, "passed": 1, "failed": 2, "errors": 2, "skipped": 1, "xfailed": 1}
    assert (found.collected, found.declared_total, found.exit_code) == (7, 7, 1)
    messages = {failure.id: failure.message for failure in record.failures}
    assert messages["test_a.A::test_subs"] == "(i=1): 1 != 0"
    assert messages["test_a.A::test_unexpected"] == "unexpected success"
    assert messages["setUpClass (test_a.B)"] == "class"


def test_unittest_in_named_folders(room: Room) -> None:
    case = "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n"
    room.project(**{"one/test_one.py": case, "two/test_two.py": case, "three/check_three.py": case})
    assert counts(only(room.run(frameworks=["unittest"], paths=["one", "two"]))) == {"total": 2, "passed": 2}
    assert counts(only(room.run(frameworks=["unittest"], paths=["three"], args=["-p", "check*.py"])))["total"] == 1


BEHAVE = {
    "features/a.feature": (
        "Feature: A\n  Scenario: ok\n    Given good\n  Scenario: bad\n    When bad\n"
        "  Scenario: none\n    Given nothing\n"
        "  Scenario Outline: each\n    Given good <x>\n    Examples:\n      | x |\n      | 1 |\n      | 2 |\n"
    ),
    "features/steps/s.py": (
        "from behave import given, when\n@given('good')\ndef a(c): pass\n@given('good {x}')\ndef b(c, x): pass\n"
        "@when('bad')\ndef d(c): assert 0, 'no'\n"
    ),
}


def test_behave(room: Room) -> None:
    room.project(**BEHAVE)
    record = room.run(frameworks=["behave"], coverage={"enabled": False})
    found = only(record)
    assert counts(found) == {"total": 5, "passed": 3, "failed": 1, "errors": 1}
    assert (found.exit_code, found.declared_total, problem(found)) == (1, 5, "")


def test_robot(room: Room) -> None:
    suite = "*** Test Cases ***\nGood\n    Log    hi\nBad\n    Fail    nope\nLater\n    Skip    because\n"
    room.project(**{"a.robot": suite})
    found = only(room.run(frameworks=["robot"], coverage={"enabled": False}))
    assert counts(found) == {"total": 3, "passed": 1, "failed": 1, "skipped": 1}
    assert (found.exit_code, found.declared_total) == (1, 3)


def test_node_by_command_needs_no_python(room: Room) -> None:
    script = """
const test = require('node:test'); const assert = require('assert');
test('top', () => {}); test('bad', () => { assert.equal(1, 2) }); test('skipped', {skip: 'why'}, () => {});
test('todo', {todo: 'later'}, () => { throw new Error('x') });
test.describe('suite', () => { test.it('in', () => {}); test.describe('inner', () => { test.it('deep', () => {}) }) });
"""
    room.project(**{"a.test.js": script})
    words = ["node", "--test", "--test-reporter=junit", "--test-reporter-destination=junit.xml"]
    record = room.run(frameworks=["command"], command=words, report="junit.xml")
    found = only(record)
    assert counts(found) == {"total": 6, "passed": 3, "failed": 1, "skipped": 1, "xfailed": 1}
    assert (found.exit_code, found.declared_total, found.environment) == (1, 6, {})
    assert not (room.place.workspace / "default" / "env").exists()  # type: ignore[union-attr]


def test_a_matrix_of_two_axes(room: Room) -> None:
    text = "import os\ndef test_x():\n    assert (os.environ['COLOUR'], os.environ['SIZE'])[1] != 'L'\n"
    room.project(**{"test_a.py": text})
    record = room.run(
        frameworks=["pytest"],
        matrix={"env": {"COLOUR": ["red", "blue"], "SIZE": ["S", "L"]}},
        coverage={"enabled": False},
    )
    assert [(one.cell.label, one.passed, one.failed) for one in record.executions] == [
        ("COLOUR=red-SIZE=S", 1, 0),
        ("COLOUR=red-SIZE=L", 0, 1),
        ("COLOUR=blue-SIZE=S", 1, 0),
        ("COLOUR=blue-SIZE=L", 0, 1),
    ]
    assert record.reason == "COLOUR=red-SIZE=L: 1 of 1 tests failed; COLOUR=blue-SIZE=L: 1 of 1 tests failed"
    assert {failure.cell for failure in record.failures} == {"COLOUR=red-SIZE=L", "COLOUR=blue-SIZE=L"}


def test_a_python_that_is_not_here_is_no_other_python(room: Room) -> None:
    room.project(**{"test_a.py": "def test_x(): pass\n"})
    with pytest.raises(PythonMissingError) as caught:
        room.run(frameworks=["pytest"], cell=TestCell(label="py3.99", python="3.99"))
    assert caught.value.code == "PYTHON_MISSING"


MANY = "import pytest\n@pytest.mark.parametrize('x', range({n}))\ndef test_{name}(x): pass\n"


def test_the_shards_are_the_whole(room: Room) -> None:
    files = {f"test_{name}.py": MANY.format(n=n, name=name) for name, n in {"a": 5, "b": 3, "c": 1}.items()}
    skipped = "import pytest\npytest.skip('as a whole', allow_module_level=True)\n"
    room.project(**files, **{"test_skipped.py": skipped})
    durations = {"test_a::test_a[0]": 9.0, "test_a::test_a[1]": 1.0, "test_b::test_b[0]": 1.0}
    record = room.run(frameworks=["pytest"], shards=3, durations=durations, coverage={"enabled": False})
    names = [[f"{row['classname']}::{row['name']}" for row in room.rows(one.cases)] for one in record.executions]
    assert [one.collected for one in record.executions] == [10, 10, 10]
    assert [one.declared_total for one in record.executions] == [one.total for one in record.executions]
    assert sum(one.total for one in record.executions) == 10
    assert len({name for part in names for name in part}) == 10
    assert names[0] == ["::test_skipped", "test_a::test_a[0]"]  # as long as all that the other two shards got
    assert record.passed


def test_more_shards_than_tests(room: Room) -> None:
    room.project(**{"test_a.py": "def test_x(): pass\n"})
    record = room.run(frameworks=["pytest"], shards=2, coverage={"enabled": False})
    assert [(one.total, one.collected, one.exit_code) for one in record.executions] == [(1, 1, 0), (0, 1, 0)]
    assert record.passed


def test_shards_of_unittest_keep_modules_whole(room: Room) -> None:
    case = "import unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n    def test_y(self): pass\n"
    room.project(**{f"test_{name}.py": case for name in "abc"})
    durations = {f"test_{name}.T::test_x": seconds for name, seconds in (("a", 60.0), ("b", 1.0), ("c", 1.0))}
    record = room.run(frameworks=["unittest"], shards=2, durations=durations, coverage={"enabled": False})
    assert [one.total for one in record.executions] == [2, 4]
    assert [one.collected for one in record.executions] == [6, 6]


def test_xdist_workers_are_counted_once(room: Room) -> None:
    room.project(**package(**{"test_a.py": ALL_KINDS, "pytest.ini": "[pytest]\naddopts = -n 2\n"}))
    record = room.run(frameworks=["pytest"], packages=["pytest-xdist"], coverage={"enabled": False})
    found = only(record)
    assert (found.total, found.failed, found.xpassed, found.collected) == (12, 3, 1, 12)
    assert (found.declared_total, found.duplicate_ids) == (12, ())


def test_shards_of_xdist_are_the_whole(room: Room) -> None:
    room.project(**{"test_a.py": MANY.format(n=5, name="a"), "pytest.ini": "[pytest]\naddopts = -n 2\n"})
    record = room.run(frameworks=["pytest"], packages=["pytest-xdist"], shards=2, coverage={"enabled": False})
    assert [(one.total, one.collected, one.lost_ids) for one in record.executions] == [(3, 5, ()), (2, 5, ())]


def test_a_project_that_measures_itself(room: Room) -> None:
    settings = '[tool.pytest.ini_options]\naddopts = "--cov=thing --cov-branch --cov-report=term"\n'
    room.project(**package(**{"pyproject.toml": PACKAGE + settings, "tests/test_a.py": GREEN}))
    found = only(room.run(frameworks=["pytest"], packages=["pytest-cov"]))
    assert found.coverage is not None
    assert (found.coverage.lines_covered, found.coverage.branches_covered) == (3, 1)
    assert "coverage run" not in " ".join(found.command)
    assert [row["path"] for row in room.rows(found.coverage.files)] == ["src/thing/__init__.py"]


def test_code_made_at_run_time_hides_no_coverage(room: Room) -> None:
    text = "import loose\ndef test_x():\n    exec(compile('a = 1', 'made_up.py', 'exec'))\n    assert loose.ONE == 1\n"
    room.project(**{"loose.py": "ONE = 1\n", "test_a.py": text})
    found = only(room.run(frameworks=["pytest"]))
    assert found.coverage is not None, found.coverage_problem
    assert [row["path"] for row in room.rows(found.coverage.files)] == ["loose.py"]


def test_the_gate_on_coverage(room: Room) -> None:
    room.project(**package(**{"tests/test_a.py": GREEN}))
    record = room.run(frameworks=["pytest"], coverage={"fail_under": 80})
    assert (record.passed, record.reason) == (False, "coverage 75.0% is below the gate of 80 %")
    assert room.run(frameworks=["pytest"], coverage={"fail_under": 75}).passed


def test_the_gate_on_coverage_of_shards(room: Room) -> None:
    tests = {f"tests/test_{x}.py": GREEN.replace("(1) == 1", f"({x}) == {2 - x}") for x in (0, 1)}
    room.project(**package(**tests))
    record = room.run(frameworks=["pytest"], shards=2, coverage={"fail_under": 100})
    assert [one.coverage.lines_covered for one in record.executions if one.coverage] == [3, 3]
    assert record.passed, record.reason  # each shard alone covers 75 %
    red = room.run(frameworks=["pytest"], shards=2, paths=["tests/test_1.py"], coverage={"fail_under": 100})
    assert red.reason == "pytest in 2 shards: coverage 75.0% is below the gate of 100 %"


def test_a_test_that_passes_on_retry_is_named(room: Room) -> None:
    text = "tries = []\ndef test_flaky():\n    tries.append(1)\n    assert len(tries) == 2\ndef test_ok(): pass\n"
    room.project(**{"test_a.py": text})
    record = room.run(
        frameworks=["pytest"], packages=["pytest-rerunfailures"], args=["--reruns", "2"], coverage={"enabled": False}
    )
    found = only(record)
    assert (counts(found), found.declared_total) == ({"total": 2, "passed": 1, "flaky": 1}, 2)
    assert {row["name"]: row["status"] for row in room.rows(found.cases)} == {
        "test_flaky": "flaky",
        "test_ok": "passed",
    }
    assert found.passed_on_retry == ("test_a::test_flaky",)


def test_dependency_groups_extras_and_requirements(room: Room) -> None:
    declared = PACKAGE + (
        '[project.optional-dependencies]\nmore = ["iniconfig"]\n[dependency-groups]\ncheck = ["pluggy", "six"]\n'
    )
    text = "def test_x():\n    import iniconfig, six, parse, colorama, thing\n"
    room.project(**package(**{"pyproject.toml": declared, "requirements-test.txt": "parse\n", "tests/test_a.py": text}))
    record = room.run(
        frameworks=["pytest"],
        extras=["more"],
        groups=["check"],
        requirements=["requirements-test.txt"],
        packages=["colorama"],
        coverage={"enabled": False},
    )
    assert record.passed, record.reason
    with pytest.raises(TestSetupError) as caught:
        room.run(frameworks=["pytest"], groups=["nothing"])
    assert caught.value.code == "TEST_SETUP_FAILED"
    assert "nothing" in str(caught.value)


def test_setup_commands_run_first(room: Room) -> None:
    room.project(**{"test_a.py": "def test_x(): assert open('made').read() == 'x'\n"})
    made = ["python", "-c", "open('made', 'w').write('x')"]
    assert room.run(frameworks=["pytest"], setup=[made], coverage={"enabled": False}).passed
    with pytest.raises(TestSetupError) as caught:
        room.run(frameworks=["pytest"], setup=[["python", "-c", "raise SystemExit('no luck')"]])
    assert "no luck" in str(caught.value)


def test_the_environment_is_small_and_holds_no_secret(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "SLUICE_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "PYTEST_ADDOPTS", "PYTHONPATH"):
        monkeypatch.setenv(name, "planted")
    text = """
import json, os, sys
def test_x():
    json.dump([dict(os.environ), sys.prefix, sys.dont_write_bytecode], open('seen.json', 'w'))
"""
    room.project(**{"test_a.py": text})
    record = room.run(frameworks=["pytest"], env={"MODE": "fast"}, coverage={"enabled": False})
    assert record.passed, record.reason
    (seen,) = room.place.workspace.rglob("seen.json")  # type: ignore[union-attr]
    environment, prefix, no_bytecode = json.loads(seen.read_text())
    environment.pop("PYTEST_CURRENT_TEST"), environment.pop("PYTEST_VERSION", None)
    assert set(environment) == {"PATH", "HOME", "TMPDIR", "LANG", "CI", "SLUICE_RUN_ID", "VIRTUAL_ENV", "MODE"} | (
        set(environment) & {"LC_CTYPE"}
    )
    assert environment["MODE"] == "fast"
    assert str(Path(sys.executable).parent) not in environment["PATH"].split(os.pathsep)
    assert prefix == environment["VIRTUAL_ENV"]
    assert not Path(environment["HOME"]).exists()
    assert no_bytecode is False


def test_nothing_that_a_run_writes_is_seen_by_the_next(room: Room) -> None:
    text = """
import pathlib, iniconfig
def test_x():
    here = pathlib.Path(iniconfig.__file__).parent / 'left_behind.py'
    assert not here.exists() and not pathlib.Path('left_behind').exists()
    here.write_text('x'); pathlib.Path('left_behind').write_text('x')
"""
    room.project(**{"test_a.py": text})
    assert room.run(frameworks=["pytest"], coverage={"enabled": False}).passed
    assert room.run(frameworks=["pytest"], coverage={"enabled": False}).passed


def test_a_declared_skip(room: Room) -> None:
    room.project(**{"a.txt": "x"})
    record = room.run(skip="there is no code here")
    assert (record.skipped, record.passed, record.executions) == (True, True, ())
    assert record.reason == "there is no code here"
