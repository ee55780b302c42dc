"""Each lie is caught by its code at its boundary, in words that name expected and observed; each twin is believed."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from data_checks import contracts
from data_checks.registry import BY_CODE
from sluice.records.checks import BoundaryReport
from sluice.states import CheckStatus, Severity
from tests.faults.release_lies import BEGIN, END, LIES, TWINS, Case, load, table

pytestmark = pytest.mark.faults
load()
DOCUMENT = Path(__file__).parents[3] / "docs/no-silent-green.md"
KINDS = {kind for code in LIES for kind in code[0]}


def report_of(case: Case, request: pytest.FixtureRequest) -> BoundaryReport:
    parts = {name: request.getfixturevalue(name) for name in inspect.signature(case).parameters}
    record, facts = case(**parts)
    report = contracts()[record.STAGE].check(record, facts)
    assert isinstance(report, BoundaryReport)
    return report


@pytest.mark.parametrize("code", sorted(LIES))
def test_the_lie_is_caught(code: str, request: pytest.FixtureRequest) -> None:
    report = report_of(LIES[code], request)
    severity = BY_CODE[code].severity
    told = report.warnings if severity is Severity.WARN else report.stops
    assert told, [(each.code, each.status.value) for each in report.results]
    first = told[0]
    assert (first.code, first.status) == (code, CheckStatus.FAILED), [each.message for each in told]
    assert first.expected
    assert first.observed
    assert f"Expected {first.expected}; observed {first.observed}." in first.message
    assert report.accepted == (severity is Severity.WARN)


@pytest.mark.parametrize("code", sorted(TWINS))
def test_the_honest_twin_passes(code: str, request: pytest.FixtureRequest) -> None:
    report = report_of(TWINS[code], request)
    assert report.accepted, [each.message for each in report.stops]
    (mine,) = [each for each in report.results if each.code == code]
    assert mine.status in (CheckStatus.PASSED, CheckStatus.NOT_APPLICABLE)
    assert [each.code for each in report.warnings] == []


def test_no_code_lacks_its_lie_or_its_twin() -> None:
    known = {code for code in BY_CODE if code[0] in KINDS}
    assert set(LIES) == known
    assert set(TWINS) == known


def test_the_document_has_the_table() -> None:
    told = DOCUMENT.read_text().split(BEGIN)[1].split(END)[0].strip()
    assert told == table(), "renew it: python -m tests.faults.release_lies docs/no-silent-green.md"
