"""hadolint's report as findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.findings.report import ScannerReportError
from sluice.records.scan import FindingSeverity
from sluice.tools import hadolint


def test_a_broken_rule_carries_its_line(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\n")
    (issue,) = hadolint._read(
        '[{"code":"DL3007","column":1,"file":"./Dockerfile","level":"warning","line":1,"message":"Using latest"}]'
    )
    draft = hadolint._draft(issue, tmp_path)
    assert (draft.rule, draft.severity, draft.path, draft.line) == ("DL3007", FindingSeverity.LOW, "Dockerfile", 1)
    assert draft.context == "FROM python:latest"


def test_a_file_that_could_not_be_parsed_is_no_style_finding(tmp_path: Path) -> None:
    issue = hadolint.Issue(code="DL1000", file="./Dockerfile", level="error", line=2, message="unexpected 'R'")
    draft = hadolint._draft(issue, tmp_path)
    assert (draft.rule, draft.severity) == ("NOT-SCANNED", FindingSeverity.MEDIUM)
    assert draft.title == "hadolint could not parse this file; it was not checked: line 2: unexpected 'R'"


@pytest.mark.parametrize("text", ["", "hadolint: no such file", "{}", '[{"code": "DL3007"}]'])
def test_a_broken_report_is_no_empty_one(text: str) -> None:
    with pytest.raises(ScannerReportError):
        hadolint._read(text)


def test_pragmas_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("# hadolint ignore=DL3006\nFROM x\n# hadolint global ignore=DL3008\n# a comment\n")
    assert hadolint._pragmas(file) == 2
