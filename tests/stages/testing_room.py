"""A room to run the test stage in: tiny projects in real repositories, real runners, a state directory of its own."""

from __future__ import annotations

import csv
import io
import subprocess
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sluice.config.model import TestConfig
from sluice.records.common import ArtifactRef, SourceRef, StageContext
from sluice.records.testing import TestCell, TestExecution, TestRecord, TestRequest
from sluice.settings import Home
from sluice.stages import testing
from sluice.stages.workplace import Workplace, open_workplace
from sluice.states import StageName

PACKAGE = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "thing"
version = "1.0"
"""
CODE = "def choose(x):\n    if x:\n        return 1\n    return 2\n"


class Room:
    """Runs cells of tiny projects; environments are shared by all that one test session runs here."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = Home(home).make()
        self.source: SourceRef | None = None
        self.place: Workplace | None = None

    def project(self, **files: str) -> SourceRef:
        """Commit the files (`__` in a name stands for `/`) to a new repository and return its commit."""
        work = self.folder / "work"
        for name, text in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        git("init", "-q", "-b", "main", work)
        git("-C", work, "add", "-A")
        git("-C", work, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "One")
        mirror = self.folder / "mirror.git"
        git("clone", "-q", "--mirror", work, mirror)
        self.source = SourceRef(
            mirror=str(mirror),
            commit=git("-C", work, "rev-parse", "HEAD"),
            tree=git("-C", work, "rev-parse", "HEAD^{tree}"),
            committed_at=datetime.now(UTC),
        )
        return self.source

    def run(
        self, *, cell: TestCell | None = None, durations: dict[str, float] | None = None, **config: Any
    ) -> TestRecord:
        """Run the cells of the committed project (or one of them) and return what is merged of them."""
        assert self.source is not None
        declared = TestConfig(**config)
        context = StageContext(
            run_id=str(uuid.uuid4()), project="thing", stage=StageName.TEST, home=str(self.home.root)
        )
        with open_workplace(context) as place:
            self.place = place
            return testing.merge(
                [
                    testing.run_tests(
                        TestRequest(source=self.source, config=declared, cell=one, durations=durations or {}), place
                    )
                    for one in ([cell] if cell else testing.cells(declared))
                ],
                place.artifacts,
            )

    def read(self, ref: ArtifactRef | None) -> str:
        """Return a stored file."""
        assert ref is not None
        assert self.place is not None
        return self.place.artifacts.read(ref).decode()

    def rows(self, ref: ArtifactRef | None) -> list[dict[str, str]]:
        """Return a stored CSV file."""
        return list(csv.DictReader(io.StringIO(self.read(ref), newline="")))


def git(*words: str | Path) -> str:
    """Run git and return what it prints."""
    return subprocess.run(["git", *map(str, words)], check=True, capture_output=True, text=True).stdout.strip()


def only(record: TestRecord) -> TestExecution:
    """Return the one execution of a record."""
    (execution,) = record.executions
    return execution


def counts(execution: TestExecution) -> dict[str, int]:
    """Return what is not zero of an execution's counts."""
    names = ("total", "passed", "failed", "errors", "skipped", "xfailed", "xpassed", "flaky")
    return {name: getattr(execution, name) for name in names if getattr(execution, name)}


def problem(execution: TestExecution) -> str:
    """Return the code of an execution's report problem, empty when it has none."""
    return execution.report_problem.code if execution.report_problem else ""
