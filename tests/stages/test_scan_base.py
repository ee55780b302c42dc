"""What the base has too is shown and does not block; what is new does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from sluice.stages.scan import inputs
from tests.scan_parts import Bench
from tests.stages.test_scan import CLEAN, SHELL


def test_an_old_finding_is_let_through_with_its_age_and_a_new_one_is_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first = bench.scan({**CLEAN, "run.py": SHELL})
    (found,) = first.blocking
    asked = bench.request({**CLEAN, "run.py": SHELL}).model_copy(update={"base": {found: date(2026, 10, 1)}})
    again = bench.run(asked)
    assert (again.passed, again.blocking, again.old) == (True, (), {found: date(2026, 10, 1)})
    assert inputs(asked, bench.context) != first.inputs
    other = bench.request({**CLEAN, "run.py": SHELL, "other.py": SHELL.replace("ls ", "cat ")})
    new = bench.run(other.model_copy(update={"base": {found: date(2026, 10, 1)}}))
    assert not new.passed
    assert (len(new.blocking), set(new.old)) == (1, {found})
