"""What the tests of the boundaries say again and again."""

from __future__ import annotations

import pickle
from typing import Any

from data_checks import contracts
from sluice.records.checks import BoundaryReport, CheckResult
from sluice.states import CheckStatus
from tests import factories


def check(record: Any, **known: Any) -> BoundaryReport:
    """Hold a record against its boundary, with the honest run's facts but for `known`."""
    report = contracts()[record.STAGE].check(record, factories.facts(**known))
    assert isinstance(report, BoundaryReport)
    return report


def result(report: BoundaryReport, code: str) -> CheckResult:
    """Return the result of one check."""
    (found,) = [each for each in report.results if each.code == code]
    return found


def caught(record: Any, code: str, expected: str, observed: str, **known: Any) -> CheckResult:
    """Assert that the lie is stopped by `code` first, in words that name what was expected and what observed."""
    report = check(record, **known)
    assert not report.accepted
    first = report.stops[0]
    assert (first.code, first.status) == (code, CheckStatus.FAILED), [each.message for each in report.stops]
    assert expected in first.expected
    assert observed in first.observed
    assert f"Expected {first.expected}; observed {first.observed}." in first.message
    assert first.next_step
    assert first.expectation.startswith("expect_")
    assert first == result(report, code)
    return first


def believed(record: Any, **known: Any) -> BoundaryReport:
    """Assert that a record is accepted without a warning, and that the report can be handed on."""
    report = check(record, **known)
    assert report.accepted, [each.message for each in report.stops]
    assert not report.warnings
    assert pickle.loads(pickle.dumps(report)) == report
    assert pickle.loads(pickle.dumps(record)) == record
    return report


def not_asked(report: BoundaryReport) -> dict[str, str]:
    """Return code and reason of the checks that had no subject."""
    return {each.code: each.message for each in report.results if each.status is CheckStatus.NOT_APPLICABLE}
