"""Reports as the tools really write them: counts, outcomes, and what else they say."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sluice.results import child

FIXTURES = Path(__file__).parents[2] / "fixtures" / "junit"
FORMATS = {"vstest.trx": "trx", "robot-output.xml": "robot"}
# File: total, passed, failed, error, skipped, expected failures, and the drift of its own counters.
COUNTS: dict[str, tuple[int, ...]] = {
    "behave.xml": (6, 3, 1, 1, 1, 0),
    "go-junit-report.xml": (4, 1, 1, 1, 1, 0),
    "gotestsum.xml": (5, 2, 2, 0, 1, 0),
    "gradle.xml": (3, 1, 1, 0, 1, 0),
    "jest.xml": (4, 2, 1, 0, 1, 0),
    "mocha-junit-reporter.xml": (4, 2, 1, 0, 1, 0),
    "mocha-xunit.xml": (3, 1, 1, 0, 1, 0),
    "node.xml": (6, 3, 1, 0, 1, 1),
    "nunit.xml": (4, 2, 1, 0, 1, 0),
    "phpunit.xml": (6, 3, 1, 1, 1, 0),
    "playwright.xml": (3, 1, 1, 0, 1, 0),
    "pytest.xml": (7, 3, 1, 1, 1, 1),
    "robot.xml": (6, 3, 2, 0, 1, 0),
    "robot-output.xml": (6, 3, 2, 0, 1, 0),
    "surefire.xml": (4, 0, 1, 1, 1, 0),
    "vstest.trx": (7, 3, 2, 1, 1, 0),
    "xmlrunner.xml": (5, 1, 1, 1, 1, 1),
}


@dataclass
class Read:
    """What was read of one file."""

    told: dict[str, Any]
    rows: list[dict[str, str]]

    def row(self, name: str) -> dict[str, str]:
        """Return the row of the first case whose name is this."""
        return next(row for row in self.rows if row["name"] == name)

    def notes(self, name: str) -> dict[str, Any]:
        """Return what the report says of a case beside its outcome."""
        text = self.row(name)["notes"]
        found: dict[str, Any] = json.loads(text) if text else {}
        return found


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Read]:
    def reading(name: str) -> Read:
        rows = tmp_path / "cases.csv"
        options = {"format": FORMATS.get(name, "junit"), "root": "/srv/work", "merge_repeats": name == "pytest.xml"}
        told = child.junit({"files": [str(FIXTURES / name)], "rows": str(rows), **options})
        with rows.open(encoding="utf-8", newline="") as file:
            return Read(told, list(csv.DictReader(file)))

    return reading


def test_every_fixture_is_read() -> None:
    assert {path.name for path in FIXTURES.iterdir()} == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_counts(read: Callable[[str], Read], name: str) -> None:
    found = read(name)
    names = ("passed", "failed", "error", "skipped", "xfailed")
    counts = found.told["counts"]
    assert (sum(counts.values()), *(counts[one] for one in names)) == COUNTS[name]
    assert len(found.rows) == COUNTS[name][0]
    assert found.told["invalid_durations"] == 0


@pytest.mark.parametrize("name", [name for name in COUNTS if name != "pytest.xml"])  # pytest's is no number of tests
def test_their_own_counters_are_understood(read: Callable[[str], Read], name: str) -> None:
    drift = read(name).told["drift"]
    assert not drift or set(drift.values()) == {0}


def test_surefire_tries_are_attempts(read: Callable[[str], Read]) -> None:
    found = read("surefire.xml")
    assert found.told["counts"]["flaky"] == 1
    assert found.told["flaky_ids"] == ["com.example.shop.CartTest::addsItems"]
    flaky = found.row("addsItems")
    assert flaky["status"] == "flaky"
    assert flaky["message"] == "passed on attempt 2; before it: expected: <1> but was: <0>"
    first, last = found.notes("addsItems")["attempts"]
    assert (first["status"], first["message"]) == ("failed", "expected: <1> but was: <0>")
    assert "CartTest.java:21" in first["detail"]
    assert first["detail"].endswith("--- stdout ---\nfirst try\n")
    assert last == {"status": "passed", "seconds": 0.012}
    assert found.notes("addsItems")["stdout"] == "second try\n"
    attempts = found.notes("total")["attempts"]
    assert [one["status"] for one in attempts] == ["failed", "failed", "error"]
    assert found.row("total")["detail"].startswith("org.opentest4j.AssertionFailedError: expected: <3>")
    assert found.row("{int}[2] priced 10")["duration_seconds"] == "1029.2"
    assert found.row("coupons")["message"] == "needs the coupon service"
    assert found.told["properties"]["java.version"] == "21.0.2"


def test_attachments_and_properties_of_cases(read: Callable[[str], Read]) -> None:
    found = read("playwright.xml")
    assert found.notes("cart \u203a adds") == {"properties": {"issue": "SHOP-17", "steps": "open, add"}}
    assert found.notes("cart \u203a pays")["attachments"] == [
        "test-results/cart-pays-chromium/test-failed-1.png",
        "test-results/cart-pays-chromium/trace.zip",
    ]
    assert read("mocha-junit-reporter.xml").notes("Cart adds an item")["attachments"] == ["screens/cart.png"]
    pytest_notes = read("pytest.xml").notes("test_adds")
    assert pytest_notes["properties"] == {"issue": "SHOP-17"}
    assert "out\n" in pytest_notes["stdout"]


def test_expected_failures_and_todos(read: Callable[[str], Read]) -> None:
    assert read("xmlrunner.xml").row("test_known")["status"] == "xfailed"
    assert read("pytest.xml").row("test_known")["message"] == "known"
    assert read("node.xml").row("todo")["status"] == "xfailed"
    assert read("node.xml").row("later")["message"] == "not today"


def test_names_are_the_same_in_every_run(read: Callable[[str], Read]) -> None:
    assert read("xmlrunner.xml").rows[0]["suite"] == "tests.test_cart.CartTest"
    row = read("phpunit.xml").row('testSums with data set "odd"')
    assert row["file"] == "tests/CartTest.php"
    assert row["suite"] == "phpunit.xml > Unit > Tests\\CartTest > Tests\\CartTest::testSums"


def test_a_warning_of_phpunit_is_red(read: Callable[[str], Read]) -> None:
    row = read("phpunit.xml").row("Warning")
    assert (row["status"], row["message"]) == ("error", "PHPUnit\\Framework\\Warning")


def test_trx_says_more_than_junit(read: Callable[[str], Read]) -> None:
    found = read("vstest.trx")
    assert found.told["timestamps"] == ["2026-11-28T10:00:00.1000000+00:00"]
    assert {row["classname"] for row in found.rows} == {"Shop.Tests.CartTests"}
    assert found.rows[0]["name"] == "Adds"
    assert found.notes("Adds") == {"attachments": ["VM/cart.png"], "stdout": "hello from a test"}
    assert found.notes("Rounds") == {"tags": ["slow"]}
    red = found.row("Sums(2,2,5)")
    assert (red["status"], red["duration_seconds"]) == ("failed", "62.5")
    assert red["message"] == "Expected: 5\n  But was:  4"
    assert "CartTests.cs:line 18" in red["detail"]
    assert red["detail"].endswith("--- stderr ---\ncareful")
    assert (found.row("Hangs")["status"], found.row("Hangs")["message"]) == ("error", "Timeout")
    assert (found.row("Rounds")["status"], found.row("Rounds")["message"]) == ("skipped", "rounding comes later")
    assert [row["name"] for row in found.rows if row["name"].startswith("Rows")] == [
        "Rows (Data Row 0)",
        "Rows (Data Row 1)",
    ]


def test_robots_own_output_says_more_than_its_xunit(read: Callable[[str], Read]) -> None:
    found = read("robot-output.xml")
    row = found.row("Adds")
    assert (row["suite"], row["file"], row["line"]) == ("Suites > Cart", "suites/cart.robot", "2")
    assert found.notes("Adds") == {
        "properties": {"doc": "Adds an item."},
        "tags": ["cart", "smoke"],
        "stdout": "hello",
    }
    torn = found.row("Looks Good")
    assert (torn["status"], torn["message"]) == ("failed", "Parent suite teardown failed")
    assert [(row["name"], row["status"], row["classname"]) for row in read("robot.xml").rows] == [
        (row["name"], row["status"], row["classname"]) for row in found.rows
    ]
    assert [row["occurrence"] for row in found.rows if row["name"] == "Twice"] == ["1", "2"]
