"""A scan and a build that an earlier run had accepted, really made, and held against what is true now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_checks import contracts
from sluice.config.model import FindingWaiver
from sluice.findings.gate import is_expired
from sluice.records.checks import BoundaryReport
from sluice.records.scan import ScanRecord
from tests.faults.lies.case import Made
from tests.faults.lies.of_build import TREE
from tests.faults.lies.of_scan import waived, with_data
from tests.faults.lies.workshop import Workshop
from tests.scan_parts import Bench

pytestmark = pytest.mark.faults
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)


def again(told: Made, **changes: object) -> BoundaryReport:
    """Judge an accepted record for a later run."""
    record, facts = told
    contract = contracts()[record.STAGE]
    assert contract.check(record, facts).accepted, "the first run accepts it"
    report = contract.check_again(record, facts.model_copy(update=changes))
    assert isinstance(report, BoundaryReport)
    return report


def stop_of(report: BoundaryReport) -> str:
    (first,) = report.stops
    assert f"Expected {first.expected}; observed {first.observed}." in first.message
    return first.code


def test_a_waiver_that_has_expired_since(bench: Bench) -> None:
    record, facts = waived(bench, TOMORROW)
    assert isinstance(record, ScanRecord)
    (fingerprint,) = record.waived
    waiver = FindingWaiver(fingerprint=fingerprint, reason="only our words", owner="ada", expires=TOMORROW.isoformat())
    day_of, day_after = (
        tuple(each.fingerprint for each in (waiver,) if is_expired(each, day))
        for day in (TOMORROW, TOMORROW + timedelta(days=1))
    )
    assert again((record, facts), expired_waivers=day_of).stops == ()
    assert stop_of(again((record, facts), expired_waivers=day_after)) == "S06"


def test_data_that_has_grown_old(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    told = with_data(bench, monkeypatch, 1.0)
    assert again(told, now=datetime.now(UTC) + timedelta(days=5)).stops == ()
    assert stop_of(again(told, now=datetime.now(UTC) + timedelta(days=7))) == "S01"


def test_a_release_of_a_branch_that_gets_a_tag(workshop: Workshop) -> None:
    workshop.repository.commit(TREE)
    record = workshop.build()
    told = record, workshop.facts(record)
    assert again(told, tag="v1.0", tag_digests=()).stops == ()
    assert again(told, tag="v1.0", tag_digests=(record.release.digest,)).stops == ()
    assert stop_of(again(told, tag="v1.0", tag_digests=(f"sha256:{'7' * 64}",))) == "B02"
