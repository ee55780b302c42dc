"""What an earlier run had accepted is judged again where this run is held against something else."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_checks import contracts
from data_checks.after_scan import CONTRACT as SCAN
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord
from sluice.records.scan import FindingSeverity
from sluice.records.testing import ChangedLines
from sluice.states import CheckStatus
from tests import factories
from tests.factories import NOW, build, facts, finding, scan, scanner

DOCUMENT = Path(__file__).parents[3] / "docs/no-silent-green.md"
FRESH = scanner(name="trivy", database_updated_at=NOW - timedelta(days=1))
OLD = {"f-001": NOW.date()}
HIGH = (finding(severity=FindingSeverity.HIGH),)


def of_tests(**fields: Any) -> StageRecord:
    return factories.run_of(factories.execution(coverage=factories.coverage()), **fields)


def changed(covered: int) -> dict[str, Any]:
    return {"changed_lines_gate": 80.0, "changed_lines": ChangedLines(valid=10, covered=covered)}


CASES: dict[str, tuple[StageRecord, dict[str, Any], dict[str, Any]]] = {
    "T13": (of_tests(), changed(2), changed(9)),
    "B02": (
        build(),
        {"tag": "v1", "tag_digests": (f"sha256:{'7' * 64}",)},
        {"tag": "v1", "tag_digests": (factories.DIGEST,)},
    ),
    "S01": (
        scan(vulnerabilities_scanned=True, scanners=(FRESH,)),
        {"database_configured": True, "now": NOW + timedelta(days=30)},
        {"database_configured": True},
    ),
    "S06": (
        scan(findings=HIGH, waived=("f-001",)),
        {"expired_waivers": ("f-001",)},
        {"expired_waivers": ("f-002",)},
    ),
    "S08": (scan(findings=HIGH, old=OLD), {"base_findings": {}}, {}),
}


def again(record: StageRecord, **known: Any) -> BoundaryReport:
    report = contracts()[record.STAGE].check_again(record, facts(**known))
    assert isinstance(report, BoundaryReport)
    return report


@pytest.mark.parametrize("code", CASES)
def test_an_accepted_record_that_is_not_good_for_this_run_is_stopped(code: str) -> None:
    record, lie, twin = CASES[code]
    report = again(record, **lie)
    assert not report.accepted
    first = report.stops[0]
    assert (first.code, first.status) == (code, CheckStatus.FAILED)
    assert f"Expected {first.expected}; observed {first.observed}." in first.message
    if code == "S08":
        return  # its twin, an old finding that the base has, is a warning: below
    good = again(record, **twin)
    assert not good.stops, [each.message for each in good.stops]
    assert code in {each.code for each in good.results}


def test_an_old_finding_that_the_base_has_is_shown() -> None:
    report = again(scan(findings=HIGH, old=OLD), base_findings={"f-001": NOW.date()})
    assert not report.stops
    assert [each.code for each in report.warnings] == ["S08"]


def test_only_what_may_have_changed_is_judged() -> None:
    for record in (of_tests(), build(), factories.checkout(), scan()):
        assert contracts()[record.STAGE].check_again(record, facts()) is None
    known = {"vulnerabilities_scanned": True, "scanners": (FRESH,)}
    # S04 would stop it: the commit is another one, and its content the same.
    report = again(scan(**known), tree="e" * 40)
    assert ([each.code for each in report.results], report.stops) == (["S01"], ())
    everything = scan(**known, findings=HIGH, waived=("f-001",), old=OLD)
    assert [each.code for each in again(everything).results] == ["S01", "S06", "S08"]


def test_a_check_without_a_history_stops_nothing() -> None:
    report = again(of_tests(), **changed(9))
    assert [each.status for each in report.results] == [CheckStatus.NOT_ENOUGH_HISTORY]
    assert report.stops == ()


def test_a_fact_that_is_missing_is_no_pass() -> None:
    record, _, _ = CASES["S08"]
    (result,) = again(record, base_findings=None).results
    assert (result.code, result.status) == ("S08", CheckStatus.COULD_NOT_RUN)


def test_what_cannot_say_what_may_have_changed_is_judged_as_a_whole() -> None:
    report = SCAN.check_again(object(), facts())  # type: ignore[arg-type]  # a record that cannot be looked at
    assert report is not None
    assert not report.accepted
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}
    assert len(report.results) == len(SCAN.checks)


def test_the_document_names_them() -> None:
    section = DOCUMENT.read_text().split("## What stands from an earlier run")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z]\d\d)` \|", section, re.MULTILINE)) == set(CASES)
