"""The lies of test reports: what a runner leaves behind is not what happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sluice.records.testing import TestRecord
from tests.faults.lies.case import Made, lie, twin
from tests.faults.lies.world import World, facts_of

GREEN = (
    '<testsuite tests="2"><testcase classname="a" name="b" time="0.1"/>'
    '<testcase classname="a" name="c" time="0.1"/></testsuite>'
)
RED = GREEN.replace('name="c" time="0.1"/>', 'name="c" time="0.1"><failure message="no"/></testcase>')
NOTHING = '<testsuite tests="0"/>'


def by_command(world: World, script: str, said: str = GREEN, **config: object) -> TestRecord:
    """Run a shell script as the project's test command; `said.xml` in the repository holds a report."""
    known: dict[str, Any] = {"frameworks": ["command"], "command": ["sh", "-c", script], "report": "junit.xml"}
    return world.test({"said.xml": said}, **known | config)


def honest(world: World) -> Made:
    """Run a command that writes its report and says so by its exit code."""
    record = by_command(world, "cp said.xml junit.xml")
    return record, facts_of(record)


@lie("T01")
def filtered_away(world: World) -> Made:
    """every test was filtered away, and `|| true` made it green"""
    record = by_command(world, "cp said.xml junit.xml; false || true", NOTHING)
    return record, facts_of(record)


@lie("T01")
def nothing_discovered(world: World) -> Made:
    """unittest discovers no test"""
    record = world.test({"app.py": "x = 1\n"}, frameworks=["unittest"])
    return record, facts_of(record)


@twin("T01")
def two_tests(world: World) -> Made:
    """two tests in the report of the same command"""
    return honest(world)


@lie("T03")
def swallowed(world: World) -> Made:
    """a test failed, and the exit code was swallowed"""
    record = by_command(world, "cp said.xml junit.xml; false || true", RED)
    return record, facts_of(record)


@lie("T03")
def red_for_another_reason(world: World) -> Made:
    """every test passed, and the command ends red"""
    record = by_command(world, "cp said.xml junit.xml; exit 3")
    return record, facts_of(record)


@twin("T03")
def red_and_says_so(world: World) -> Made:
    """a test failed, and the command says so"""
    record = by_command(world, "cp said.xml junit.xml; exit 1", RED)
    assert not record.passed
    return record, facts_of(record)


@lie("T04")
def report_of_the_repository(world: World) -> Made:
    """the report lay in the repository, and the command wrote none"""
    record = by_command(world, "true", report="said.xml")
    return record, facts_of(record)


@lie("T04")
def report_of_yesterday(world: World) -> Made:
    """a fresh file with the time stamp of another run in it"""
    old = GREEN.replace("<testsuite", '<testsuite timestamp="2020-01-01T00:00:00Z"')
    record = by_command(world, "cp said.xml junit.xml", old)
    return record, facts_of(record)


@lie("T04")
def report_of_the_day_before(world: World) -> Made:
    """a fresh file with a time stamp of days ago that names no zone"""
    stamp = 'sed "s/<testsuite/<testsuite timestamp=\\"$(date -d "3 days ago" +%FT%T)\\"/" said.xml > junit.xml'
    return (record := by_command(world, stamp)), facts_of(record)


@twin("T04")
def report_with_its_local_time(world: World) -> Made:
    """a fresh file with the local time of this run in it, without a zone"""
    record = by_command(world, 'sed "s/<testsuite/<testsuite timestamp=\\"$(date +%FT%T)\\"/" said.xml > junit.xml')
    return record, facts_of(record)


@twin("T04")
def report_with_its_time(world: World) -> Made:
    """a fresh file with the time stamp of this run in it"""
    stamp = 'sed "s/<testsuite/<testsuite timestamp=\\"$(date -u +%FT%TZ)\\"/" said.xml > junit.xml'
    record = by_command(world, stamp)
    assert record.executions[0].report_timestamp is not None
    return record, facts_of(record)


@lie("T05")
def cut_short(world: World) -> Made:
    """the report ends in the middle of a case"""
    record = by_command(world, "head -c 60 said.xml > junit.xml")
    return record, facts_of(record)


@twin("T05")
def whole_report(world: World) -> Made:
    """the same report, whole"""
    return honest(world)


@lie("T06")
def merged_wrongly(world: World) -> Made:
    """the counter says ten tests, the report holds two"""
    record = by_command(world, "cp said.xml junit.xml", GREEN.replace('"2"', '"10"'))
    return record, facts_of(record)


@twin("T06")
def counted_rightly(world: World) -> Made:
    """the counter is the number of the cases"""
    return honest(world)


@lie("T07", warns=True)
def negative_durations(world: World) -> Made:
    """a clock that was put back made durations negative: they are left empty (warning)"""
    record = by_command(world, "cp said.xml junit.xml", GREEN.replace('"0.1"', '"-0.1"'))
    assert (record.executions[0].invalid_durations, record.executions[0].passed) == (2, 2)
    return record, facts_of(record)


@lie("T07")
def longer_than_a_number(world: World) -> Made:
    """each duration is a number, and their sum is none"""
    record = by_command(world, "cp said.xml junit.xml", GREEN.replace('"0.1"', '"1e308"'))
    return record, facts_of(record)


@lie("T07")
def an_hour_in_a_second(world: World) -> Made:
    """two tests took an hour each, in a run of a moment"""
    record = by_command(world, "cp said.xml junit.xml", GREEN.replace('"0.1"', '"3600"'))
    return record, facts_of(record)


@twin("T07")
def honest_durations(world: World) -> Made:
    """durations that fit into the run"""
    return honest(world)


TWICE = """
import unittest
class Case(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): pass
def load_tests(loader, tests, pattern):
    return unittest.TestSuite([tests, loader.loadTestsFromTestCase(Case)])
"""


@lie("T08")
def loaded_twice(world: World) -> Made:
    """a suite loads the same tests twice"""
    record = world.test({"test_a.py": TWICE}, frameworks=["unittest"])
    return record, facts_of(record)


@twin("T08")
def loaded_once(world: World) -> Made:
    """the same suite loads them once"""
    record = world.test({"test_a.py": TWICE.partition("def load_tests")[0]}, frameworks=["unittest"])
    return record, facts_of(record)


@lie("T14")
def child_in_a_pipe(world: World) -> Made:
    """a child of the command was killed by the kernel after the report was written"""
    record = by_command(world, "cp said.xml junit.xml; sh -c 'kill -9 $$'")
    return record, facts_of(record)


@lie("T14")
def out_of_time(world: World) -> Made:
    """the command hung after its report, and was ended at its time limit"""
    record = by_command(world, "cp said.xml junit.xml; sleep 600", timeout=1)
    return record, facts_of(record)


@twin("T14")
def child_that_ends(world: World) -> Made:
    """a child that ends by itself"""
    record = by_command(world, "cp said.xml junit.xml; sh -c 'true'")
    return record, facts_of(record)


@lie("T15")
def second_try(world: World) -> Made:
    """a test failed, and passed when it was run again"""
    flaky = GREEN.replace('name="c" time="0.1"/>', 'name="c" time="0.1"><flakyFailure message="no"/></testcase>')
    record = by_command(world, "cp said.xml junit.xml", flaky)
    assert record.passed
    return record, facts_of(record)


@twin("T15")
def first_try(world: World) -> Made:
    """every test passed the first time"""
    return honest(world)


@lie("T17")
def clock_ahead(world: World) -> Made:
    """the report was stamped by a clock that is a day ahead"""
    stamp = 'sed "s/<testsuite/<testsuite timestamp=\\"$(date -u -d tomorrow +%FT%TZ)\\"/" said.xml > junit.xml'
    record = by_command(world, stamp)
    return record, facts_of(record)


@lie("T17")
def tests_in_the_future(world: World) -> Made:
    """the stage ended after the boundary's own time"""
    record = by_command(world, "cp said.xml junit.xml")
    return record, facts_of(record, now=datetime(2020, 1, 1, tzinfo=UTC))


@twin("T17")
def clock_right(world: World) -> Made:
    """the report was stamped by a clock that is right"""
    return report_with_its_time(world)
