"""Coverage of a change, from the lines that it wrote and the lines that tests reached."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluice.report.changed_lines import CoveredFile, WrittenFile, change_coverage
from sluice.report.line_ranges import numbers, ranges

COVERAGE = [("a.py", "3-5,9", "1-2,6"), ("a.py", "1,3,9", "4-5"), ("b.py", "", "1-40"), ("c.py", "7", "8")]


def test_a_line_is_covered_when_any_execution_reached_it() -> None:
    written = [
        WrittenFile("a.py", "M", "1-4,7,9"),  # 3 and 9 are missed in all, 7 is a comment
        WrittenFile("b.py", "A", "1-2"),
        WrittenFile("c.py", "M", "1-6"),  # no line of code
        WrittenFile("README.md", "M", "1-90"),
        WrittenFile("logo.png", "A", None),
        WrittenFile("gone.py", "D", None),
    ]
    change = change_coverage(written, COVERAGE)
    assert change is not None
    assert change.files == (CoveredFile("a.py", 5, 3, "3,9"), CoveredFile("b.py", 2, 2, ""))
    assert (change.valid, change.covered, change.rate) == (7, 5, 5 / 7)
    assert change.unmeasured == ("README.md", "logo.png")


def test_no_coverage_and_no_line_of_code_are_not_the_same() -> None:
    assert change_coverage([WrittenFile("a.py", "M", "1-4")], []) is None
    nothing = change_coverage([WrittenFile("README.md", "M", "1")], COVERAGE)
    assert nothing is not None
    assert nothing.rate is None


def test_a_list_that_was_cut_at_its_end_is_read_as_far_as_it_goes() -> None:
    assert numbers("3,7-9,12-") == {3, 7, 8, 9, 12}
    assert numbers("3,x,99999999999") == {3}
    assert numbers(None) == numbers("") == set()


@given(st.sets(st.integers(1, 300)))
def test_ranges_say_the_same_numbers(lines: set[int]) -> None:
    assert numbers(ranges(lines)) == lines
