"""SARIF: what a tool found, what it could not do, and every way in which the file is odd."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sluice.results.problems import ReportError
from sluice.results.sarif import SarifWriter, read_sarif

RULE: dict[str, Any] = {
    "id": "py/eval",
    "shortDescription": {"text": "Use of eval"},
    "helpUri": "https://rules.example/eval",
    "defaultConfiguration": {"level": "error"},
    "messageStrings": {"default": {"text": "eval of {0}"}},
    "properties": {"tags": ["security"], "security-severity": "9.1"},
}


def result(**fields: Any) -> dict[str, Any]:
    region = {"startLine": 7, "snippet": {"text": "eval(x)"}}
    place = {"artifactLocation": {"uri": "src/a.py"}, "region": region}
    known = {"ruleId": "py/eval", "message": {"text": "no eval"}, "locations": [{"physicalLocation": place}]}
    return known | fields


def at(uri: str, line: object = 7) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return result(locations=[{"physicalLocation": place}])


def run(*results: dict[str, Any], rules: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    driver = {"name": "Lint", "semanticVersion": "1.2.3", "rules": [RULE] if rules is None else rules}
    return {"tool": {"driver": driver}, "results": list(results)} | fields


def log(*runs: dict[str, Any], version: object = "2.1.0") -> bytes:
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": version, "runs": list(runs)}).encode()


def read(folder: Path, data: bytes) -> tuple[SarifWriter, list[dict[str, str]]]:
    path, rows = folder / "a.sarif", folder / "findings.csv"
    path.write_bytes(data)
    with rows.open("w", encoding="utf-8", newline="") as file:
        writer = SarifWriter(file, "/srv/work")
        read_sarif(path, writer)
    with rows.open(encoding="utf-8", newline="") as file:
        return writer, list(csv.DictReader(file))


def test_a_finding(tmp_path: Path) -> None:
    writer, rows = read(tmp_path, log(run(result(), artifacts=[{}, {}])))
    assert rows == [
        {
            "tool": "Lint",
            "kind": "code",
            "rule": "py/eval",
            "severity": "critical",
            "score": "9.1",
            "title": "no eval",
            "path": "src/a.py",
            "line": "7",
            "context": "eval(x)",
            "url": "https://rules.example/eval",
        }
    ]
    told = {"name": "Lint", "version": "1.2.3", "failed": "", "findings": 1, "suppressed": 0, "items": 2}
    assert writer.tools == [told]
    assert writer.warnings == {}


@pytest.mark.parametrize(
    ("fields", "column", "value"),
    [
        ({"level": "note"}, "severity", "low"),
        ({"level": "warning"}, "severity", "medium"),
        ({"level": "error"}, "severity", "high"),
        ({"level": "dire"}, "severity", "high"),
        ({"level": 3}, "severity", "high"),
        ({"properties": {"security-severity": "4.5"}}, "severity", "medium"),
        ({"properties": {"security-severity": "11"}, "level": "note"}, "severity", "low"),
        ({"message": {"id": "default", "arguments": ["x"]}}, "title", "eval of x"),
        ({"message": {}}, "title", "Use of eval"),
        ({"partialFingerprints": {"line/v1": "ab", "a": "b"}}, "context", "a=b; line/v1=ab"),
    ],
)
def test_what_is_made_of_a_result(tmp_path: Path, fields: dict[str, Any], column: str, value: str) -> None:
    rule = RULE | {"properties": {}}
    _, rows = read(tmp_path, log(run(result(**fields), rules=[rule])))
    assert rows[0][column] == value


@pytest.mark.parametrize(
    ("odd", "column", "warning"),
    [
        (result(level="dire"), None, "unknown levels, taken for errors"),
        (at("src/a.py", 0), "line", "lines that are none"),
        (at("src/a.py", -5), "line", "lines that are none"),
        (at("src/a.py", 2**31), "line", "lines that are none"),
        (at("src/a.py", "7"), "line", "lines that are none"),
        (at("file:///etc/passwd"), "path", "paths outside the project"),
        (at("../../etc/passwd"), "path", "paths outside the project"),
        (at("https://evil.example/a.py"), "path", "paths outside the project"),
        (result(ruleId=None), None, "findings without a rule"),
    ],
)
def test_an_odd_field_is_empty_and_counted_and_the_finding_kept(
    tmp_path: Path, odd: dict[str, Any], column: str | None, warning: str
) -> None:
    rule = RULE | {"properties": {}, "id": "other"}
    writer, rows = read(tmp_path, log(run(odd, rules=[rule])))
    assert len(rows) == 1
    assert writer.warnings == {warning: 1}
    if column:
        assert rows[0][column] == ""


def test_paths_below_the_project_are_relative(tmp_path: Path) -> None:
    _, rows = read(tmp_path, log(run(at("file:///srv/work/src/a%20b.py"), at("./src/c.py"))))
    assert [row["path"] for row in rows] == ["src/a b.py", "src/c.py"]


def test_the_rule_by_its_index(tmp_path: Path) -> None:
    _, rows = read(tmp_path, log(run(result(ruleId=None, ruleIndex=0))))
    assert (rows[0]["rule"], rows[0]["severity"]) == ("py/eval", "critical")


def test_what_is_no_problem_or_suppressed_is_not_held_against_the_gate(tmp_path: Path) -> None:
    results = [
        result(kind="pass"),
        result(kind="informational"),
        result(baselineState="absent"),
        result(suppressions=[{"kind": "inSource"}]),
        result(suppressions=[{"kind": "external", "status": "underReview"}]),
    ]
    writer, rows = read(tmp_path, log(run(*results)))
    assert (len(rows), writer.tools[0]["findings"], writer.tools[0]["suppressed"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"invocations": [{"executionSuccessful": False}]}, "its own execution failed"),
        (
            {"invocations": [{"executionSuccessful": False, "exitCodeDescription": "out of memory"}]},
            "its own execution failed: out of memory",
        ),
        (
            {
                "invocations": [
                    {"executionSuccessful": True},
                    {
                        "executionSuccessful": False,
                        "toolExecutionNotifications": [{"message": {"text": "cannot parse a.py"}}],
                    },
                ]
            },
            "its own execution failed: cannot parse a.py",
        ),
        ({"results": None}, "it has no list of results, so nothing was looked for"),
    ],
)
def test_a_run_that_failed_says_so(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    writer, _ = read(tmp_path, log(run(**fields)))
    assert writer.tools[0]["failed"] == reason


def test_packed_files_are_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, gzip.compress(log(run(result()))))[1]) == 1


@pytest.mark.parametrize(
    ("data", "code", "part"),
    [
        (log(version="2.0.0"), "SARIF_VERSION", "'2.0.0', need 2.1.0"),
        (log(version=None), "SARIF_VERSION", "'None', need 2.1.0"),
        (b"[]", "SARIF_FORMAT", "no object"),
        (b'{"version": "2.1.0"}', "SARIF_FORMAT", "no list of runs"),
        (log(*[run()] * 21), "SARIF_LIMIT", "more runs than allowed (21 > 20)"),
        (log(run(*[{}] * 25_001)), "SARIF_LIMIT", "more results than allowed (25001 > 25000)"),
        (log()[:-4], "REPORT_TRUNCATED", "line 1"),
        (gzip.compress(log(), mtime=0)[:-9], "REPORT_TRUNCATED", "ends in the middle"),
        (b"\x1f\x8bnothing of the kind", "SARIF_FORMAT", "cannot be unpacked"),
        (b"", "REPORT_EMPTY", "empty"),
        (b"Segmentation fault", "REPORT_NOT_JSON", "Segmentation"),
    ],
)
def test_files_that_are_not_believed(tmp_path: Path, data: bytes, code: str, part: str) -> None:
    with pytest.raises(ReportError) as caught:
        read(tmp_path, data)
    assert caught.value.code == code
    assert part in caught.value.message
