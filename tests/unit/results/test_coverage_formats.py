"""Coverage reports in four formats, and how each of them can be wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sluice.results.coverage_formats import read_coverage
from sluice.results.coverage_rows import CoverageTotals, CoverageWriter, project_path, ranges
from sluice.results.problems import ReportError

COBERTURA = """<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM 'http://cobertura.sourceforge.net/xml/coverage-04.dtd'>
<coverage version="7" line-rate="0.75" branch-rate="0.5" lines-valid="4" lines-covered="3">
<sources><source>/work/tree/src</source></sources>
<packages><package name="thing"><classes><class name="a.py" filename="thing/a.py"><methods>
<method name="f"><lines><line number="1" hits="9"/></lines></method></methods><lines>
<line number="1" hits="1"/><line number="2" hits="1" branch="true" condition-coverage="50% (1/2)"/>
<line number="3" hits="0"/><line number="7" hits="2"/></lines></class></classes></package></packages></coverage>"""
JACOCO = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><sessioninfo id="vm-1" start="1764300000000" dump="1764300001000"/>
<group name="core"><package name="com/example/shop"><class name="com/example/shop/Cart" sourcefilename="Cart.java">
<method name="add" desc="()V" line="3"><counter type="LINE" missed="1" covered="2"/></method></class>
<sourcefile name="Cart.java"><line nr="3" mi="0" ci="4" mb="0" cb="0"/><line nr="4" mi="0" ci="3" mb="1" cb="1"/>
<line nr="5" mi="2" ci="0" mb="0" cb="0"/><counter type="LINE" missed="1" covered="2"/></sourcefile></package></group>
<counter type="LINE" missed="1" covered="2"/></report>"""
LCOV = """TN:
SF:src/a.js
FN:1,f
DA:1,1
DA:2,0
DA:3,0
BRDA:1,0,0,1
BRDA:1,0,1,-
LF:3
LH:1
end_of_record
"""
JSON = {
    "meta": {"format": 3, "branch_coverage": True},
    "files": {
        "src/a.py": {
            "executed_lines": [1],
            "missing_lines": [2, 3, 4],
            "summary": {
                "covered_lines": 1,
                "num_statements": 4,
                "num_branches": 2,
                "covered_branches": 1,
                "percent_covered": 33.3,
            },
        }
    },
}


def read(folder: Path, text: str | bytes, root: str = "/work/tree") -> tuple[CoverageTotals, list[dict[str, str]]]:
    path, rows = folder / "report", folder / "coverage.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with rows.open("w", encoding="utf-8", newline="") as file:
        writer = CoverageWriter(file, root)
        read_coverage(path, writer)
    with rows.open(encoding="utf-8", newline="") as file:
        return writer.totals(), list(csv.DictReader(file))


def test_cobertura_with_the_usual_doctype(tmp_path: Path) -> None:
    totals, rows = read(tmp_path, COBERTURA)
    assert totals == CoverageTotals(4, 3, 2, 1, files=1)
    assert rows == [
        {
            "path": "src/thing/a.py",
            "lines_valid": "4",
            "lines_covered": "3",
            "branches_valid": "2",
            "branches_covered": "1",
            "missing_lines": "3",
            "covered_lines": "1-2,7",
        }
    ]


def test_jacoco(tmp_path: Path) -> None:
    totals, rows = read(tmp_path, JACOCO)
    assert totals == CoverageTotals(3, 2, 2, 1, files=1)
    assert (rows[0]["path"], rows[0]["missing_lines"]) == ("com/example/shop/Cart.java", "5")


def test_lcov(tmp_path: Path) -> None:
    totals, rows = read(tmp_path, LCOV)
    assert totals == CoverageTotals(3, 1, 2, 1, files=1)
    assert (rows[0]["missing_lines"], rows[0]["covered_lines"]) == ("2-3", "1")


def test_coverage_json(tmp_path: Path) -> None:
    totals, rows = read(tmp_path, json.dumps(JSON))
    assert totals == CoverageTotals(4, 1, 2, 1, files=1)
    assert (rows[0]["path"], rows[0]["missing_lines"], rows[0]["covered_lines"]) == ("src/a.py", "2-4", "1")


def changed(**summary: object) -> str:
    told = json.loads(json.dumps(JSON))
    told["files"]["src/a.py"]["summary"].update(summary)
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("", "COVERAGE_EMPTY", "empty"),
        ("hello", "COVERAGE_FORMAT", "hello"),
        ("{}", "COVERAGE_FORMAT", "files"),
        ('{"files": {', "REPORT_TRUNCATED", "line 1"),
        ('[{"files": {}}]', "COVERAGE_FORMAT", "files"),
        ('{"files": {}} {}', "JSON_EXTRA", "line 1 column 15"),
        ('{"files": {"a": 3}}', "COVERAGE_FORMAT", "summary"),
        (changed(covered_lines=-1), "COVERAGE_RANGE", "covered_lines"),
        (changed(covered_lines=5), "COVERAGE_RANGE", "covers more"),
        (changed(num_statements="85%"), "COVERAGE_RANGE", "num_statements"),
        (changed(num_statements=None), "COVERAGE_RANGE", "num_statements"),
        ("<results/>", "COVERAGE_FORMAT", "root <results>"),
        ("<coverage generated='1' clover='4.4.1'><project/></coverage>", "COVERAGE_FORMAT", "looks like Clover"),
        (JACOCO.replace('ci="4"', 'ci="-4"'), "COVERAGE_RANGE", "ci '-4'"),
        (JACOCO.replace('nr="3"', 'nr="x"'), "COVERAGE_RANGE", "nr 'x'"),
        *[
            (COBERTURA.replace('line-rate="0.75"', rate), "COVERAGE_RANGE", "line-rate")
            for rate in ('line-rate="1.7"', 'line-rate="-0.1"', 'line-rate="NaN"', 'line-rate="85%"', "")
        ],
        (COBERTURA.replace('hits="0"', 'hits="-3"'), "COVERAGE_RANGE", "hits '-3'"),
        (COBERTURA.replace("(1/2)", "(3/2)"), "COVERAGE_RANGE", "condition-coverage"),
        (COBERTURA[:-20], "REPORT_TRUNCATED", "line"),
        ("<!DOCTYPE coverage [<!ENTITY x 'y'>]><coverage line-rate='1'/>", "XML_ENTITY_REFUSED", "'x'"),
        (LCOV.replace("DA:2,0", "DA:2"), "LCOV_LINE", "line 5: DA needs line,hits"),
        (LCOV.replace("DA:2,0", "DA:2,-4"), "LCOV_LINE", "line 5"),
        (LCOV.replace("BRDA:1,0,0,1", "BRDA:1"), "LCOV_LINE", "line 7"),
        (LCOV.removesuffix("end_of_record\n"), "LCOV_LINE", "no end_of_record"),
        ("TN:\nDA:1,1\n", "LCOV_LINE", "line 2: no SF"),
        (LCOV.replace("DA:1,1", "SF:b"), "LCOV_LINE", "SF before"),
    ],
)
def test_reports_that_are_not_believed(tmp_path: Path, text: str, code: str, part: str) -> None:
    with pytest.raises(ReportError) as caught:
        read(tmp_path, text)
    assert caught.value.code == code
    assert part in caught.value.message


def test_no_lines_is_no_data_and_not_full_coverage(tmp_path: Path) -> None:
    totals, rows = read(tmp_path, "<coverage line-rate='1'><packages/></coverage>")
    assert (totals.lines_valid, totals.files, rows) == (0, 0, [])


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/../src/a.py", "src/a.py"),
        ("src\\a.py", "src/a.py"),
        ("/work/tree/src/a.py", "src/a.py"),
        ("../../etc/passwd", None),
        ("/etc/passwd", None),
        ("C:\\Windows\\a.py", None),
        ("/work/tree-two/a.py", None),
        ("<script>alert(1)</script>.js", "<script>alert(1)</script>.js"),
    ],
)
def test_paths_are_text_below_the_project(path: str, kept: str | None) -> None:
    assert project_path(path, "/work/tree") == kept


def test_paths_outside_are_counted(tmp_path: Path) -> None:
    totals, rows = read(tmp_path, LCOV.replace("src/a.js", "../../etc/passwd"))
    assert (totals.dropped_paths, totals.lines_valid, rows) == (1, 0, [])


@pytest.mark.parametrize(("lines", "text"), [([], ""), ([3], "3"), ([3, 4, 5], "3-5"), ([1, 3, 4, 9, 4], "1,3-4,9")])
def test_ranges(lines: list[int], text: str) -> None:
    assert ranges(lines) == text
