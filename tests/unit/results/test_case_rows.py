"""The rows of cases: what was written is what a reader of CSV finds, whatever the names hold."""

from __future__ import annotations

import csv
import io

import pytest

from sluice.results.cases import COLUMNS, CaseWriter

NAMES = ("plain", "with, comma", 'with "quotes"', "two\nlines", "tab\tand\rreturn", "ü €", "", "'", '"', "a;b", "\\")


def read_back(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("suite", NAMES)
def test_names_come_back_as_they_were(suite: str) -> None:
    file = io.StringIO(newline="")
    writer = CaseWriter(file)
    cases = [
        (suite, classname, name, path) for classname in NAMES for name in NAMES for path in ("", "a,b.py", 'q".py')
    ]
    for case in cases:
        writer.add(*case, "", "passed", 0.25)
    rows = read_back(file.getvalue())
    assert tuple(rows[0]) == COLUMNS
    assert [(row["suite"], row["classname"], row["name"], row["file"]) for row in rows] == cases
    assert [int(row["ordinal"]) for row in rows] == list(range(1, len(cases) + 1))
    assert {(row["status"], row["duration_seconds"], row["line"], row["message"]) for row in rows} == {
        ("passed", "0.25", "", "")
    }


def test_a_row_with_more_to_say_stands_among_the_short_ones() -> None:
    file = io.StringIO(newline="")
    writer = CaseWriter(file)
    writer.add("s", "c", "one", "", "", "passed", None)
    writer.add("s", "c", "two", "t.py", "7", "failed", 1e-9, 'it said "no"', "a\nb")
    writer.add("s", "c", "one", "", "", "passed", 12345678.9)
    rows = read_back(file.getvalue())
    assert [(row["name"], row["line"], row["message"], row["detail"], row["occurrence"]) for row in rows] == [
        ("one", "", "", "", "1"),
        ("two", "7", 'it said "no"', "a\nb", "1"),
        ("one", "", "", "", "2"),
    ]
    assert [row["duration_seconds"] for row in rows] == ["", "1e-09", "12345678.9"]
