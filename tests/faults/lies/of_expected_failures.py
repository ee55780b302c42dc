"""The lies about tests that are expected to fail and pass, told through real runners."""

from __future__ import annotations

import sys

from tests.faults.lies.case import Made, lie, twin
from tests.faults.lies.of_reports import by_command
from tests.faults.lies.world import World, facts_of

PYTEST = """
import pytest
def test_a(): pass
@pytest.mark.xfail({strict}reason="not yet")
def test_b(): {body}
"""
STRICT = PYTEST.format(strict="strict=True, ", body="pass")
TURNS_INTO_A_PASS = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if "XPASS" in str(report.longrepr):
        report.outcome, report.longrepr = "passed", None
"""
TURNS_GREEN = "def pytest_sessionfinish(session): session.exitstatus = 0\n"
UNITTEST = """
import unittest
class Case(unittest.TestCase):
{more}
    def test_a(self): pass
    @unittest.expectedFailure
    def test_b(self): {body}
"""
COUNTS_AS_SUCCESS = """
    def run(self, result):
        result.addUnexpectedSuccess = result.addSuccess
        return super().run(result)
"""
ENDS_GREEN = "import atexit, os\natexit.register(os._exit, 0)\n"


def by_pytest(world: World, test: str, conftest: str = "") -> Made:
    """Run a pytest suite with a `conftest.py` of its own."""
    record = world.test({"test_a.py": test, "conftest.py": conftest}, frameworks=["pytest"])
    return record, facts_of(record)


def by_unittest(world: World, test: str) -> Made:
    """Run a unittest suite."""
    record = world.test({"test_a.py": test}, frameworks=["unittest"])
    return record, facts_of(record)


@lie("T16")
def strict_and_turned_into_a_pass(world: World) -> Made:
    """a strict xfail passed, and a hook of the project makes the report call it passed"""
    record, facts = by_pytest(world, STRICT, TURNS_INTO_A_PASS)
    assert record.passed
    return record, facts


@lie("T16")
def strict_and_turned_green(world: World) -> Made:
    """a strict xfail passed, and a hook of the project makes the exit code 0"""
    return by_pytest(world, STRICT, TURNS_GREEN)


@lie("T16")
def strict_behind_a_shell(world: World) -> Made:
    """a strict xfail passed in pytest behind a shell with `|| true`"""
    words = f"{sys.executable} -m pytest -q -p no:cacheprovider --junitxml=junit.xml test_said.py || true"
    record = by_command(world, f"cp said.xml test_said.py; {words}", STRICT)
    return record, facts_of(record)


@lie("T16")
def counted_as_success(world: World) -> Made:
    """an expectedFailure of unittest passed, and the suite's base class counts it as a success"""
    record, facts = by_unittest(world, UNITTEST.format(more=COUNTS_AS_SUCCESS, body="pass"))
    assert record.passed
    return record, facts


@lie("T16")
def success_and_ended_green(world: World) -> Made:
    """an expectedFailure of unittest passed, and the process ends itself with 0"""
    return by_unittest(world, ENDS_GREEN + UNITTEST.format(more="", body="pass"))


@lie("T16", warns=True)
def let_pass(world: World) -> Made:
    """an xfail without strict passed, and pytest lets it pass (warning)"""
    record, facts = by_pytest(world, PYTEST.format(strict="", body="pass"))
    assert record.passed
    return record, facts


@twin("T16")
def fails_as_expected(world: World) -> Made:
    """a strict xfail fails as expected"""
    record, facts = by_pytest(world, PYTEST.format(strict="strict=True, ", body="assert False"), TURNS_INTO_A_PASS)
    assert record.passed
    return record, facts


@twin("T16")
def told_red(world: World) -> Made:
    """a strict xfail passed, and the run is red for it"""
    record, facts = by_pytest(world, STRICT)
    assert not record.passed
    return record, facts


@twin("T16")
def expected_failure(world: World) -> Made:
    """an expectedFailure of unittest fails, in a suite whose base class would count it as a success"""
    record, facts = by_unittest(world, UNITTEST.format(more=COUNTS_AS_SUCCESS, body="self.fail()"))
    assert record.passed
    return record, facts
