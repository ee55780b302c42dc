"""Lies of a scan."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sluice.config.model import FindingWaiver, ScanConfig
from sluice.records.scan import ScanRecord, ScanRequest
from tests import factories
from tests.faults.lies.case import Made, lie, twin
from tests.scan_parts import Bench, database
from tests.stages.test_scan import CLEAN, OLD_FLASK, SHELL, fake

SINCE = date(2026, 10, 1)
FEW = {**CLEAN, "run.py": SHELL}


def told(record: ScanRecord, request: ScanRequest, **more: Any) -> Made:
    """Return the record with what the runner knows: the accepted source, and the release that was built."""
    known: dict[str, Any] = {
        "now": datetime.now(UTC),
        "tree": request.source.tree,
        "release_digest": request.release.digest,
        "base_findings": request.base,
    }
    return record, factories.facts(**known | more)


def scanned(bench: Bench, files: dict[str, str], **config: Any) -> Made:
    request = bench.request(files, ScanConfig(**config))
    return told(bench.run(request), request)


def with_data(bench: Bench, monkeypatch: pytest.MonkeyPatch, age_days: float) -> Made:
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(database(bench.tmp / "data", age_days)))
    request = bench.request(CLEAN, ScanConfig(scanners=("trivy",)))
    return told(bench.run(request), request, database_configured=True)


@lie("S01")
def data_of_last_month(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Made:
    """the vulnerability data is 30 days old, and nothing is found"""
    return with_data(bench, monkeypatch, 30.0)


@twin("S01")
def data_of_yesterday(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Made:
    """the data is a day old, and nothing is found"""
    return with_data(bench, monkeypatch, 1.0)


@lie("S02")
def everything_is_excluded(bench: Bench) -> Made:
    """`scan.exclude` leaves nothing to look at"""
    return scanned(bench, CLEAN, exclude=("**", "*"))


@twin("S02")
def documents_are_excluded(bench: Bench) -> Made:
    """`scan.exclude` leaves out documents only"""
    return scanned(bench, CLEAN, exclude=("*.md",))


def three_packages(bench: Bench, *, seen: bool) -> Made:
    lock = "".join(f"package{number}==1.{number}\n" for number in range(12))
    request = bench.request(
        {**CLEAN, "requirements.txt": lock}, ScanConfig(exclude=() if seen else ("requirements.txt",))
    )
    usual = factories.history(scan__packages=12, build__lock_packages=12)
    return told(bench.run(request), request, history=usual, lock_packages=12)


@lie("S03")
def the_lock_is_no_longer_read(bench: Bench) -> Made:
    """the file that lists twelve packages is excluded from the scan"""
    return three_packages(bench, seen=False)


@twin("S03")
def the_lock_is_read(bench: Bench) -> Made:
    """the twelve packages are there as before"""
    return three_packages(bench, seen=True)


@lie("S04")
def another_release_is_deployed(bench: Bench) -> Made:
    """the release that was scanned is replaced by another before the deploy"""
    request = bench.request(CLEAN)
    record = bench.run(request)
    other = bench.request({**CLEAN, "late.py": "x = 1\n"}).release
    return told(record, request, release_digest=other.digest)


@twin("S04")
def the_same_release_is_deployed(bench: Bench) -> Made:
    """the release that was scanned is the one to be deployed"""
    return scanned(bench, CLEAN)


@lie("S05")
def findings_are_lost(bench: Bench) -> Made:
    """something between scan and boundary drops the findings"""
    record, facts = scanned(bench, FEW, gate="none")
    return record.model_copy(update={"findings": ()}), facts


@twin("S05")
def findings_are_kept(bench: Bench) -> Made:
    """the same findings, all there, and no gate"""
    return scanned(bench, FEW, gate="none")


def waived(bench: Bench, expires: date) -> Made:
    request = bench.request(FEW)
    (found,) = bench.run(request).blocking
    waiver = FindingWaiver(fingerprint=found, reason="only our own words", owner="ada", expires=expires.isoformat())
    again = request.model_copy(update={"config": ScanConfig(waivers=(waiver,))})
    return told(bench.run(again), again)


@lie("S06")
def an_acceptance_has_passed(bench: Bench) -> Made:
    """a finding was accepted until yesterday"""
    return waived(bench, datetime.now(UTC).date() - timedelta(days=1))


@twin("S06")
def an_acceptance_holds(bench: Bench) -> Made:
    """the finding is accepted until tomorrow"""
    return waived(bench, datetime.now(UTC).date() + timedelta(days=1))


@lie("S07")
def a_scanner_crashes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Made:
    """a scanner is killed, and the others find nothing"""
    fake(bench.tmp, "bandit", "kill -KILL $$", monkeypatch)
    return scanned(bench, CLEAN)


@twin("S07")
def a_scanner_has_nothing_to_do(bench: Bench) -> Made:
    """a scanner has no file to look at, and says so"""
    return scanned(bench, {"README.md": "# Greeter\n"})


def with_base(bench: Bench, *, base_has_it: bool) -> Made:
    request = bench.request(FEW)
    (found,) = bench.run(request).blocking
    again = request.model_copy(update={"base": {found: SINCE}})
    return told(bench.run(again), again, base_findings={found: SINCE} if base_has_it else {})


@lie("S08")
def a_mended_finding_comes_back(bench: Bench) -> Made:
    """a branch brings back what the default branch has mended, and calls it old"""
    return with_base(bench, base_has_it=False)


@twin("S08", unasked=True)
def nothing_is_over_the_gate(bench: Bench) -> Made:
    """an old dependency that the base has too, below the gate"""
    return scanned(bench, OLD_FLASK)
