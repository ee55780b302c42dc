"""Reports in other formats than JUnit, by the test stage: what the project declares is what is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stages.testing_room import Room, counts, only, problem

FIXTURES = Path(__file__).parents[1] / "fixtures" / "junit"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, tmp_path / "home")


@pytest.mark.parametrize(
    ("name", "declared", "expected"),
    [
        ("vstest.trx", "trx", {"total": 7, "passed": 3, "failed": 2, "errors": 1, "skipped": 1}),
        ("robot-output.xml", "robot", {"total": 6, "passed": 3, "failed": 2, "skipped": 1}),
    ],
)
def test_the_declared_format_is_read(room: Room, name: str, declared: str, expected: dict[str, int]) -> None:
    text = (FIXTURES / name).read_text().replace("2026-11-28T10:00:00.1000000+00:00", "")
    room.project(**{"kept": text})
    words = ["sh", "-c", "cp kept report && touch report; exit 1"]
    right = only(room.run(frameworks=["command"], command=words, report="report", format=declared))
    assert (counts(right), problem(right)) == (expected, "")
    assert right.declared_total == expected["total"] or declared == "trx"  # which counts its data rows as one
    wrong = only(room.run(frameworks=["command"], command=words, report="report"))
    assert (problem(wrong), counts(wrong)) == ("REPORT_FORMAT", {})
    assert wrong.report_problem is not None
    assert wrong.report_problem.message.endswith(f"set format: {declared}")


def test_a_run_that_says_it_was_aborted_proves_nothing(room: Room) -> None:
    text = (
        (FIXTURES / "vstest.trx")
        .read_text()
        .replace('ResultSummary outcome="Failed"', 'ResultSummary outcome="Aborted"')
    )
    room.project(**{"kept": text})
    words = ["sh", "-c", "cp kept report && touch report"]
    found = only(room.run(frameworks=["command"], command=words, report="report", format="trx"))
    assert (problem(found), counts(found)) == ("REPORT_INCOMPLETE", {})


def test_jacoco_by_its_content(room: Room) -> None:
    lines = '<line nr="3" mi="0" ci="4"/><line nr="5" mi="2" ci="0"/>'
    package = f'<package name="com/shop"><sourcefile name="Cart.java">{lines}</sourcefile></package>'
    case = "<testsuite tests='1'><testcase classname='c' name='a' time='0.1'/></testsuite>"
    room.project(**{"kept.xml": case, "kept-coverage": f'<report name="shop">{package}</report>'})
    words = ["sh", "-c", "cp kept.xml junit.xml; cp kept-coverage jacoco; touch junit.xml jacoco"]
    coverage = {"report": "jacoco", "fail_under": 50}
    record = room.run(frameworks=["command"], command=words, report="junit.xml", coverage=coverage)
    found = only(record).coverage
    assert record.passed
    assert found is not None
    assert (found.lines_valid, found.lines_covered) == (2, 1)
    assert [(row["path"], row["missing_lines"]) for row in room.rows(found.files)] == [("com/shop/Cart.java", "5")]
