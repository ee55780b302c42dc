"""The lies that show against what is usual: five honest runs are accepted first, in a real Postgres."""

from __future__ import annotations

from typing import Any

from sluice.records.testing import TestRecord
from tests.faults.lies.case import Made, lie, twin
from tests.faults.lies.world import World, facts_of


def suite(total: int, skipped: int = 0) -> str:
    """Return a report of so many tests, the last of them skipped."""
    cases = "".join(
        f'<testcase classname="a" name="t{n}" time="0.001">{"<skipped/>" if n >= total - skipped else ""}</testcase>'
        for n in range(total)
    )
    return f'<testsuite tests="{total}" skipped="{skipped}">{cases}</testsuite>'


def lcov(covered: int, of: int = 100) -> str:
    """Return coverage of so many lines of `app.py`."""
    return "SF:app.py\n" + "".join(f"DA:{n},{int(n <= covered)}\n" for n in range(1, of + 1)) + "end_of_record\n"


SUITES = ((40, 1), (39, 1), (20, 0), (40, 40), (40, 30), (40, 4))
FILES = {f"{total}-{skipped}.xml": suite(total, skipped) for total, skipped in SUITES}
FILES |= {f"{covered}.info": lcov(covered) for covered in (90, 88, 60)}


def run(world: World, suite: str, coverage: str = "90") -> TestRecord:
    """Run a command that leaves this report and this coverage behind."""
    script = f"cp {suite}.xml junit.xml; cp {coverage}.info lcov.info"
    config: dict[str, Any] = {
        "frameworks": ["command"],
        "command": ["sh", "-c", script],
        "report": "junit.xml",
        "coverage": {"report": "lcov.info"},
    }
    return world.room.run(**config) if world.room.source else world.test(FILES, **config)


def after_five(world: World, suite: str, coverage: str = "90") -> Made:
    """Learn from five honest runs, then run this one."""
    history = world.learn(run(world, "40-1"))
    record = run(world, suite, coverage)
    return record, facts_of(record, history=history)


@lie("T02")
def half_of_the_suite(world: World) -> Made:
    """a filter hides half of the suite, and no file was deleted"""
    return after_five(world, "20-0")


@twin("T02")
def one_test_less(world: World) -> Made:
    """one test of forty was removed"""
    return after_five(world, "39-1")


@lie("T10")
def all_skipped(world: World) -> Made:
    """everything is skipped, and the command is green"""
    return after_five(world, "40-40")


@lie("T10")
def skip_spike(world: World) -> Made:
    """thirty of forty tests skip themselves; it used to be one"""
    return after_five(world, "40-30")


@twin("T10")
def some_more_skips(world: World) -> Made:
    """four tests skip themselves; it used to be one"""
    return after_five(world, "40-4")


@lie("T13")
def coverage_fell(world: World) -> Made:
    """coverage fell from 90 % to 60 %"""
    return after_five(world, "40-1", "60")


@twin("T13")
def coverage_moved(world: World) -> Made:
    """coverage went from 90 % to 88 %"""
    return after_five(world, "40-1", "88")
