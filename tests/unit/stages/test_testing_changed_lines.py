"""Coverage of the lines of a change, out of the coverage files of a record."""

from __future__ import annotations

from pathlib import Path

from sluice.artifacts import ArtifactStore
from sluice.records.checkout import ChangedFile
from sluice.records.testing import ChangedLines, TestCell, TestExecution
from sluice.results.coverage_rows import COLUMNS
from sluice.stages.testing import changed_lines
from tests import factories

CHANGE = (ChangedFile(path="app.py", change="M", lines="3-6"), ChangedFile(path="README.md", change="M", lines="1"))


def covered(tmp: Path, label: str, missing: str, reached: str, path: str = "app.py") -> TestExecution:
    file = tmp / f"{label}.csv"
    file.write_text(f'{",".join(COLUMNS)}\n{path},9,4,0,0,"{missing}","{reached}"\n')
    ref = ArtifactStore(tmp / "store").put_file(file, "coverage.csv")
    return factories.execution(cell=TestCell(label=label), coverage=factories.coverage(files=ref))


def test_a_line_counts_that_any_execution_reached(tmp_path: Path) -> None:
    one, two = covered(tmp_path, "a", "3-9", "1-2"), covered(tmp_path, "b", "4-5,9", "1-3,6")
    found = changed_lines(CHANGE, factories.run_of(one, two), ArtifactStore(tmp_path / "store"))
    assert found == ChangedLines(valid=4, covered=2, missing=("app.py: 4-5",))


def test_coverage_of_other_files_measures_no_line_of_the_change(tmp_path: Path) -> None:
    record = factories.run_of(covered(tmp_path, "a", "1", "2", path="other.py"))
    assert changed_lines(CHANGE, record, ArtifactStore(tmp_path / "store")) == ChangedLines(valid=0, covered=0)


def test_nothing_is_known_without_coverage(tmp_path: Path) -> None:
    record = factories.run_of(factories.execution(coverage=None))
    assert changed_lines(CHANGE, record, ArtifactStore(tmp_path)) is None
