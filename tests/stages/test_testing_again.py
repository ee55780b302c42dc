"""Only the red tests run again: by their ids, and green only when each test is green in one of the two runs."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from data_checks import contracts
from sluice.config.model import TestConfig
from sluice.records.common import StageContext
from sluice.records.testing import TestRecord, TestRequest
from sluice.stages import testing
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from tests import factories
from tests.stages.testing_room import Room

pytestmark = pytest.mark.faults

PYTEST = """
import os, pathlib, pytest
def note(name):
    with open(os.environ["MARKER"], "a") as file: file.write(name + "\\n")
    return pathlib.Path(os.environ["MARKER"] + ".ok").exists()
def test_good(): note("good")
@pytest.mark.parametrize("n", [1, 2])
def test_moody(n): assert note(f"moody {n}") or n == 1
class TestMore:
    def test_red(self): assert note("red")
"""
UNITTEST = """
import os, pathlib, unittest
def note(name):
    with open(os.environ["MARKER"], "a") as file: file.write(name + "\\n")
    return pathlib.Path(os.environ["MARKER"] + ".ok").exists()
class Some(unittest.TestCase):
    def test_good(self): note("good")
    def test_red(self): self.assertTrue(note("red"))
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home that all tests of the stage share: the environments in it take seconds to make."""
    return tmp_path_factory.getbasetemp() / "test-stage-home"


class Again:
    """A project whose tests note that they ran, and turn green once `heal` was called."""

    def __init__(self, room: Room, folder: Path, framework: str, file: str, text: str, **config: object) -> None:
        self.room = room
        self.marker = folder / "marker"
        self.source = room.project(**{file: text})
        self.config = TestConfig.model_validate(
            {"frameworks": [framework], "env": {"MARKER": str(self.marker)}, "coverage": {"enabled": False}, **config}
        )

    def run(self, before: TestRecord | None = None) -> TestRecord:
        """Run everything, or what was red before."""
        self.marker.write_text("")
        context = StageContext(
            run_id=str(uuid.uuid4()), project="thing", stage=StageName.TEST, home=str(self.room.home.root)
        )
        with open_workplace(context) as place:
            self.room.place = place
            requests = [
                TestRequest(source=self.source, config=self.config, cell=cell) for cell in testing.cells(self.config)
            ]
            if before is not None:
                requests = testing.remains(before, before.run_id, requests, place.artifacts).requests
            return testing.merge([testing.run_tests(request, place) for request in requests], place.artifacts)

    @property
    def ran(self) -> list[str]:
        """The tests that ran last."""
        return self.marker.read_text().split("\n")[:-1]

    def heal(self) -> None:
        """Let the red tests be green."""
        (self.marker.parent / "marker.ok").touch()


def accepted(record: TestRecord) -> bool:
    facts = factories.facts(now=record.ended_at)
    report = contracts()[StageName.TEST].check(record, facts)
    assert report.accepted, report.stops
    return report.accepted


def test_pytest_runs_the_red_ones_only(tmp_path: Path, home: Path) -> None:
    project = Again(Room(tmp_path, home), tmp_path, "pytest", "test_it.py", PYTEST)
    first = project.run()
    assert (first.passed, first.total, first.red, len(project.ran)) == (False, 4, 2, 4)
    second = project.run(first)
    assert project.ran == ["moody 2", "red"]
    assert (second.passed, second.total, second.red, second.in_part) == (False, 4, 2, True)
    assert accepted(second), "true and bad"
    project.heal()
    third = project.run(second)
    assert project.ran == ["moody 2", "red"]
    assert third.passed, third.reason
    assert accepted(third)
    assert third.headline() == f"4 passed · 2 ran again after run {second.run_id[:8]}"
    assert third.inputs != first.inputs, "an ordinary run never finds it"


def test_unittest_runs_the_red_ones_only(tmp_path: Path, home: Path) -> None:
    project = Again(Room(tmp_path, home), tmp_path, "unittest", "test_it.py", UNITTEST)
    first = project.run()
    project.heal()
    second = project.run(first)
    assert project.ran == ["red"]
    assert (second.passed, second.total) == (True, 2)
    assert accepted(second)


def test_a_test_that_is_skipped_the_second_time_is_not_green(tmp_path: Path, home: Path) -> None:
    text = PYTEST.replace('assert note("red")', 'note("red") and pytest.skip("not now") or pytest.fail("red")')
    project = Again(Room(tmp_path, home), tmp_path, "pytest", "test_it.py", text)
    first = project.run()
    project.heal()
    second = project.run(first)
    assert (second.passed, second.reason) == (False, "pytest: 1 of 2 tests that were to run again are not green")
    assert second.executions[0].again is not None
    assert second.executions[0].again.missing == ("test_it.TestMore::test_red",)
    lie = second.model_copy(update={"passed": True, "reason": ""})
    report = contracts()[StageName.TEST].check(lie, factories.facts(now=lie.ended_at))
    assert [stop.code for stop in report.stops] == ["T03"]
    assert "not green" in report.stops[0].observed


def test_a_file_that_was_broken_runs_whole(tmp_path: Path, home: Path) -> None:
    text = "import os\nassert os.path.exists(os.environ['MARKER'] + '.ok')\n" + PYTEST
    project = Again(Room(tmp_path, home), tmp_path, "pytest", "test_it.py", text)
    first = project.run()
    assert (first.total, first.red, project.ran) == (1, 1, [])
    project.heal()
    second = project.run(first)
    assert len(project.ran) == 4, "its tests never ran before"
    assert (second.passed, second.total, second.in_part) == (True, 4, False)


@pytest.mark.parametrize(
    ("more", "why"),
    [({"args": ["-x"]}, "left out tests"), ({"coverage": {"fail_under": 10}}, "coverage gate")],
)
def test_what_was_not_whole_runs_whole(tmp_path: Path, home: Path, more: dict[str, object], why: str) -> None:
    project = Again(Room(tmp_path, home), tmp_path, "pytest", "test_it.py", PYTEST, **more)
    first = project.run()
    assert project.room.place is not None
    request = TestRequest(source=project.source, config=project.config, cell=testing.cells(project.config)[0])
    found = testing.remains(first, first.run_id, [request], project.room.place.artifacts)
    assert found.requests[0].only == {}
    assert why in found.notes[0]
