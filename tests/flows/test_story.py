"""The example service, commit by commit: green, unchanged, broken, refused, mended, rolled back by hand."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from sluice.services import code
from tests.flows.command_line import CommandLine, Done
from tests.repositories import Repository

pytestmark = pytest.mark.services

EXAMPLE = "greeter"
GREETING = "def _greeting(query: Mapping[str, list[str]]) -> Answer:\n"
BROKEN = """    import os
    if "GREETER_ENVIRONMENT" in os.environ:
        os.environ["GREETER_MOTTO"]
"""
FENCES = """FROM release_fences f JOIN environments e ON e.id = f.environment_id
JOIN releases r ON r.digest = f.release_digest AND r.project_id = e.project_id WHERE r.commit_sha = :commit"""
MARKING = """
import pathlib
def pytest_sessionstart(session):
    with pathlib.Path({marker!r}).open("a") as file:
        file.write("started\\n")
"""


@dataclass
class Chapter:
    """One command of the story: how it ended, its run, and what served afterwards."""

    done: Done
    run_id: str
    commit: str
    serving: str
    tested: int


@dataclass
class Story:
    """The commands in the order in which they were typed."""

    sluice: CommandLine
    project: str
    repository: Repository
    marker: Path
    chapters: dict[str, Chapter] = field(default_factory=dict)

    def tell(self, title: str, *words: object) -> None:
        """Type a command and keep what became of it."""
        done = self.sluice(*words, folder=self.repository.path)
        serving = self.sluice.answer(self.project)
        tested = self.marker.read_text().count("started") if self.marker.exists() else 0
        run_id = self.sluice.run_ids()[0]
        self.chapters[title] = Chapter(done, run_id, self.repository.head, serving, tested)


@pytest.fixture(scope="module")
def story(shared: CommandLine) -> Story:
    repository = Repository(shared.folder / EXAMPLE)
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".coverage", ".venv", "*.egg-info")
    shutil.copytree(code.root() / "examples" / EXAMPLE, repository.path, ignore=ignored, dirs_exist_ok=True)
    story = Story(shared, f"{EXAMPLE}-{uuid4().hex[:6]}", repository, shared.folder / "marker")
    marking = MARKING.format(marker=str(story.marker))
    declared = (repository.path / "sluice.yaml").read_text().replace("project: greeter", f"project: {story.project}")
    repository.commit({"tests/conftest.py": marking, "sluice.yaml": declared}, "Greet")
    story.tell("good", "run")
    repository.commit({"README.md": "Read me, and nothing else.\n"}, "Say more")
    story.tell("readme", "run")
    answers = repository.path / "src/greeter/answers.py"
    good = answers.read_text()
    repository.commit({"src/greeter/answers.py": good.replace(GREETING, GREETING + BROKEN)}, "Break at run time")
    story.tell("bad", "run")
    story.tell("bad again", "run")
    repository.commit({"src/greeter/answers.py": good + "\n# mended\n"}, "Mend")
    story.tell("mended", "run")
    story.tell("rollback", "rollback", "staging", "--project", story.project, "--reason", "the greeting is too loud")
    story.tell("rollback again", "rollback", "staging")  # of several with a staging, the one here
    return story


def test_a_good_commit_goes_through_every_stage_and_serves(story: Story) -> None:
    chapter = story.chapters["good"]
    chapter.done.ended(0)
    assert chapter.commit in chapter.serving
    assert list(story.sluice.states(chapter.run_id).values()) == ["passed"] * 6
    assert "24 passed" in chapter.done.out
    assert chapter.tested == 1


def test_its_evidence_is_in_the_database(story: Story) -> None:
    run, count = story.chapters["good"].run_id, story.sluice.one
    here = "JOIN stage_runs s ON s.id = x.stage_run_id WHERE s.run_id = :run"
    assert count(f"SELECT sum(x.total_tests) FROM test_executions x {here}", run=run) == 24
    query = f"SELECT count(*) FROM test_results t JOIN test_executions x ON x.id = t.execution_id {here}"
    assert count(query, run=run) == 24
    assert count(f"SELECT count(*) FROM releases x {here}", run=run) == 1
    assert count("SELECT state FROM deployments WHERE run_id = :run", run=run) == "serving"
    assert count(f"SELECT count(*) FROM smoke_results x {here} AND passed", run=run) >= 6
    checks = dict(story.sluice.rows(f"SELECT s.stage, count(*) FROM quality_checks x {here} GROUP BY s.stage", run=run))
    assert set(checks) == {"checkout", "test", "build", "scan", "deploy", "smoke"}
    relations = {row[0] for row in story.sluice.rows(f"SELECT x.relation FROM lineage_edges x {here}", run=run)}
    assert len(relations) >= 4


def test_a_readme_is_no_reason_to_test_build_or_scan_again(story: Story) -> None:
    chapter = story.chapters["readme"]
    chapter.done.ended(0)
    states = story.sluice.states(chapter.run_id)
    assert {name: states[name] for name in ("test", "build", "scan")} == dict.fromkeys(
        ("test", "build", "scan"), "reused"
    )
    assert chapter.tested == 1, "no test process was started"
    assert "already serving" in chapter.done.out


def test_a_commit_that_breaks_when_it_runs_is_rolled_back(story: Story) -> None:
    chapter = story.chapters["bad"]
    chapter.done.ended(15)
    states = story.sluice.states(chapter.run_id)
    assert (states["test"], states["smoke"], states["rollback"]) == ("passed", "failed", "passed")
    assert story.sluice.view(chapter.run_id).state == "rolled_back"
    assert story.chapters["good"].commit in chapter.serving
    query = f"SELECT count(*) {FENCES}"
    assert story.sluice.one(query, commit=chapter.commit) == 1


def test_the_lineage_of_the_bad_release_ends_in_its_rollback(story: Story) -> None:
    chapter = story.chapters["bad"]
    digest = story.sluice.one("SELECT digest FROM releases WHERE commit_sha = :commit", commit=chapter.commit)
    lines = story.sluice("lineage", digest[:24]).ended(0).out.splitlines()
    assert lines[0].startswith(f"trigger {chapter.run_id[:8]}  cli by ")
    said = [re.sub(r"^[ │├└─]+", "", line).split(f" {chapter.commit[:10]}")[0] for line in lines]
    for start in ("asked for commit", "tested by test", f"built into release {digest[:19]}", "scanned by scan",
                  "deployed as deployment", "undone by rollback", "restores release"):  # fmt: skip
        assert any(line.startswith(start) for line in said), lines


def test_the_report_of_the_bad_release_is_one_page(story: Story) -> None:
    chapter = story.chapters["bad"]
    page = story.sluice("report", chapter.run_id, "--html", "-").ended(0).out
    assert page.startswith("<!doctype html>")
    for part in ("change", "findings", "release", "deployment", "smoke", "rollback", "checks", "lineage"):
        assert f'id="{part}"' in page, part
    assert "src/greeter/answers.py" in page
    told = json.loads(story.sluice("report", chapter.run_id, "--json").ended(0).out)
    assert told["tests"]["change"]["valid"] >= 2
    assert told["findings"]["base"]["commit"] is not None


def test_diff_says_what_the_mended_commit_changed(story: Story) -> None:
    text = story.sluice("diff", story.chapters["bad"].run_id, story.chapters["mended"].run_id).ended(0).out
    assert "rolled_back" in text
    assert text.rstrip().splitlines()[-1].startswith("the same: tests")


def test_a_fenced_release_is_refused(story: Story) -> None:
    chapter = story.chapters["bad again"]
    chapter.done.ended(16)
    assert "D07: FENCED_RELEASE" in chapter.done.out
    assert story.sluice.states(chapter.run_id)["build"] == "reused"
    assert story.chapters["good"].commit in chapter.serving


def test_the_mended_commit_serves(story: Story) -> None:
    chapter = story.chapters["mended"]
    chapter.done.ended(0)
    assert chapter.commit in chapter.serving


def test_rollback_by_hand_restores_the_release_before(story: Story) -> None:
    chapter = story.chapters["rollback"]
    chapter.done.ended(0)
    assert story.chapters["good"].commit in chapter.serving
    view = story.sluice.view(chapter.run_id)
    assert (view.kind, view.state) == ("rollback", "passed")
    query = f"SELECT f.reason {FENCES}"
    assert "too loud" in story.sluice.one(query, commit=story.chapters["mended"].commit)


def test_with_nothing_to_go_back_to_a_rollback_says_so_and_changes_nothing(story: Story) -> None:
    chapter = story.chapters["rollback again"]
    assert chapter.done.ended(chapter.done.exit_code).exit_code not in (0, 1)
    assert "back to" in chapter.done.out
    assert story.chapters["good"].commit in chapter.serving


def test_at_the_end_one_release_stands_and_nobody_holds_the_environment(story: Story) -> None:
    story.sluice.serves(story.project, story.chapters["good"].commit)
    for chapter in story.chapters.values():
        story.sluice.left_nothing(chapter.run_id, story.project)
