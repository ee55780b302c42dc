"""Bandit's report as findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.findings.report import ScannerReportError, read_report
from sluice.records.scan import FindingKind, FindingSeverity
from sluice.tools import bandit

ISSUE = bandit.Issue(
    filename="././app/main.py",
    test_id="B105",
    test_name="hardcoded_password_string",
    issue_severity="LOW",
    issue_text="Possible hardcoded password: 'hunter2hunter'",
    line_number=2,
)


def test_a_password_is_nowhere_in_the_draft(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("x = 1\npassword = 'hunter2hunter'\n")
    draft = bandit._draft(ISSUE, tmp_path)
    assert "hunter2" not in repr(draft)
    assert (draft.kind, draft.path, draft.line) == (FindingKind.CODE, "app/main.py", 2)
    assert (draft.title, draft.context) == ("hardcoded password string", "password = ''")


@pytest.mark.parametrize(
    ("line", "context"),
    [
        ('p = "a\\"b"', "p = ''"),
        ("p = 'unterminated", "p = ''"),
        ("f(password=\"a\", user='b')", "f(password='', user='')"),
    ],
)
def test_strings_are_masked_in_every_form(line: str, context: str) -> None:
    assert bandit.STRING.sub("''", line) == context


def test_other_issues_keep_their_text(tmp_path: Path) -> None:
    issue = ISSUE.model_copy(update={"test_id": "B602", "issue_severity": "HIGH", "issue_text": "shell=True"})
    draft = bandit._draft(issue, tmp_path)
    assert (draft.rule, draft.severity, draft.title) == ("B602", FindingSeverity.HIGH, "shell=True")


@pytest.mark.parametrize("text", ["", "{}", '{"errors": [], "results": []}', "Traceback (most recent call last):"])
def test_a_broken_report_is_no_empty_one(text: str) -> None:
    with pytest.raises(ScannerReportError):
        read_report(bandit.Report, text, "bandit")
