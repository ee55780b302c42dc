"""The lies after the scan, each beside its honest twin."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from sluice.records.checkout import ChangedFile
from sluice.records.scan import FindingKind, FindingSeverity, Package, ScanRecord
from sluice.states import CheckStatus, Severity
from tests.boundaries import believed, caught, check, not_asked, result
from tests.factories import DIGEST, NOW, OTHER_DIGEST, OTHER_TREE, TREE, finding, history, scan, scanner

HIGH = finding(fingerprint="f-high", severity=FindingSeverity.HIGH)


def scanned(age_days: float = 1.0, **fields: Any) -> ScanRecord:
    """A scan with vulnerability data of this age."""
    fresh = scanner(database_updated_at=NOW - timedelta(days=age_days))
    return scan(scanners=(fresh,), vulnerabilities_scanned=True, not_scanned_reason="", **fields)


def test_an_honest_scan_is_believed() -> None:
    report = believed(scan())
    assert [each.code for each in report.results] == ["S07", "S02", "S04", "S01", "S05", "S06", "S08", "S03"]
    assert not_asked(report) == {"S01": "no vulnerability data is configured"}
    assert result(report, "S05").observed == "1 findings, verdict follows from the findings"


def test_findings_over_the_gate_are_true_and_bad_and_are_believed() -> None:
    believed(scan(passed=False, reason="1 finding", findings=(HIGH,), blocking=("f-high",)))


@pytest.mark.parametrize(
    "honest",
    [
        {"findings": (), "findings_total": 0},
        {"packages": (), "sbom": None},
        {"findings": (HIGH,), "waived": ("f-high",)},
        {"findings": (HIGH,), "gate": None},
        {"findings": (finding(score=0.0),)},
        {"findings": (finding(score=10.0),)},
        {"findings": (finding(severity=FindingSeverity.UNKNOWN),)},
        {"findings": (finding(kind=FindingKind.VULNERABILITY, package="flask", version="3.0.0"),)},
    ],
    ids=["no-findings", "no-packages", "waived", "no-gate", "score-0", "score-10", "unknown-severity", "vulnerability"],
)
def test_honest_scans_are_believed(honest: dict[str, Any]) -> None:
    believed(scan(**honest))


def test_s05_one_finding_of_a_thousand_is_lost() -> None:
    held = tuple(finding(fingerprint=f"f-{n}") for n in range(999))
    caught(scan(findings=held, findings_total=1000), "S05", "whole", "1000 findings in all, and 999 of them here")


def test_more_findings_than_a_record_holds_are_believed() -> None:
    held = tuple(finding(fingerprint=f"f-{n}") for n in range(1000))
    believed(scan(findings=held, findings_total=1874))


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        (scanner(name="bandit", status="failed", reason="exit code 2"), "bandit: failed exit code 2"),
        (scanner(name="bandit", status="not_run"), "bandit: not run, without a reason"),
        (scanner(name="bandit", status="crashed"), "bandit: crashed"),
    ],
)
def test_s07_a_scanner_that_failed(lie: Any, observed: str) -> None:
    caught(scan(scanners=(scanner(), lie)), "S07", "ran to their end", observed)


@pytest.mark.parametrize(
    "scanners",
    [
        (),
        (scanner(items_scanned=0),),
        (scanner(status="not_run", reason="trivy is not here", items_scanned=12),),
    ],
    ids=["no-scanner", "no-item", "none-ran"],
)
def test_s02_nothing_was_scanned(scanners: Any) -> None:
    caught(scan(scanners=scanners, packages=()), "S02", "at least 1", "0 packages, 0 packages and files in all")


def test_s02_an_image_without_a_package_was_not_looked_at() -> None:
    assert believed(scanned(image_packages=1)).accepted
    observed = "0 packages in the image, 1 packages, 0 packages and files in all"
    caught(scanned(image_packages=0), "S02", "at least 1", observed)


def test_one_package_is_something() -> None:
    report = check(scan(scanners=(scanner(items_scanned=0),)))
    assert result(report, "S02").status is CheckStatus.PASSED


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"scanned_digest": OTHER_DIGEST}, OTHER_DIGEST),
        ({"subject_digest": OTHER_DIGEST}, f"to deploy {OTHER_DIGEST}"),
        ({"subject_digest": OTHER_DIGEST, "scanned_digest": OTHER_DIGEST}, OTHER_DIGEST),
        ({"scanned_tree": OTHER_TREE}, f"of tree {OTHER_TREE}"),
    ],
)
def test_s04_another_release_was_scanned(lie: dict[str, Any], observed: str) -> None:
    caught(scan(**lie), "S04", f"{DIGEST} of tree {TREE}", observed)


def test_s01_fresh_data_is_believed() -> None:
    for age_days in (1.0, 7.0):
        report = believed(scanned(age_days=age_days), database_configured=True)
        assert result(report, "S01").status is CheckStatus.PASSED


@pytest.mark.parametrize(
    ("record", "configured", "name", "observed"),
    [
        (scanned(age_days=9.5), True, "SCANNER_DB_STALE", "9.5 days old"),
        (scanned(age_days=9.5), False, "SCANNER_DB_STALE", "9.5 days old"),
        (scan(), True, "SCANNER_DB_MISSING", "no vulnerability data is configured"),
        (scan(not_scanned_reason=""), False, "SCANNER_DB_MISSING", "not scanned, and no reason"),
        (scan(vulnerabilities_scanned=True), False, "SCANNER_DB_MISSING", "no scanner names the age of its data"),
    ],
)
def test_s01_data_that_proves_nothing(record: ScanRecord, configured: bool, name: str, observed: str) -> None:
    found = caught(record, "S01", "at most 7 days", observed, database_configured=configured)
    assert found.name == name


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"findings": (finding(), finding()), "findings_total": 2}, "f-001"),
        ({"findings": (finding().model_copy(update={"score": 11.0}),)}, "score 11.0"),
        ({"findings": (finding().model_copy(update={"score": float("nan")}),)}, "score nan"),
        ({"findings": (finding().model_copy(update={"severity": "spicy"}),)}, "an unknown severity"),
        ({"findings": (finding(kind=FindingKind.VULNERABILITY),)}, "a vulnerability without its package"),
        ({"findings": (HIGH,)}, "over the gate, and not held against it"),
        ({"findings": (finding(severity=FindingSeverity.UNKNOWN),), "gate": FindingSeverity.LOW}, "over the gate"),
        ({"findings_total": 7}, "7 findings in all, and 1 of them here"),
        ({"findings": (), "findings_total": 3}, "3 findings in all, and 0 of them here"),
        ({"findings": (HIGH,), "blocking": ("f-high",)}, "called passed, with findings over the gate"),
    ],
    ids=["twice", "score-11", "score-nan", "severity", "no-package", "slipped", "unknown-slipped", "lost", "all-lost",
         "green-all-the-same"],
)  # fmt: skip
def test_s05_findings_that_contradict_themselves(lie: dict[str, Any], observed: str) -> None:
    caught(scan().model_copy(update=lie), "S05", "each finding once, whole", observed)


def test_a_scan_without_the_fact_of_its_release_cannot_be_checked() -> None:
    report = check(scan(), release_digest=None)
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}
    assert "not told the release digest" in report.stops[0].message


SINCE = date(2026, 10, 1)


def test_s06_an_accepted_finding_whose_day_has_passed() -> None:
    caught(scan(expired=("f-001",)), "S06", "last day is 2026-11-23 or later", "expired: f-001")


@pytest.mark.parametrize("known", [{}, {"f-other": SINCE}], ids=["no-base", "base-without-it"])
def test_s08_a_new_finding_that_is_called_old(known: dict[str, date]) -> None:
    lie = scan(findings=(HIGH,), old={"f-high": SINCE})
    caught(lie, "S08", "no finding of severity high or above that is let through", "f-high", base_findings=known)


def test_s08_warns_of_an_old_finding_with_its_age() -> None:
    report = check(scan(findings=(HIGH,), old={"f-high": SINCE}), base_findings={"f-high": SINCE})
    assert report.accepted
    (warning,) = report.warnings
    assert (warning.code, warning.severity) == ("S08", Severity.WARN)
    assert warning.observed == "high B311 greeter/app.py (f-high): old, since 2026-10-01"


def test_s08_needs_the_base() -> None:
    assert result(check(scan(), base_findings=None), "S08").status is CheckStatus.COULD_NOT_RUN


BEFORE: dict[str, float] = {"scan__packages": 40, "build__lock_packages": 38}


@pytest.mark.parametrize("left", [0, 10, 31])
def test_s03_the_scanner_no_longer_sees_the_packages(left: int) -> None:
    found = tuple(Package(name=f"p{number}", version="1", type="pypi") for number in range(left))
    observed = f"{left} packages, 40 before; the lock lost 0"
    caught(scan(packages=found), "S03", "loses no more", observed, history=history(**BEFORE), lock_packages=38)


@pytest.mark.parametrize(
    ("file", "severity"),
    [
        (ChangedFile(path="uv.lock", change="M", additions=400, deletions=260), Severity.WARN),
        (ChangedFile(path="web/package-lock.json", change="D", additions=0, deletions=900), Severity.WARN),
        (ChangedFile(path="uv.lock", change="M", additions=0, deletions=29), Severity.STOP),
        (ChangedFile(path="req.txt", old_path="requirements.txt", change="R", additions=0, deletions=0), Severity.STOP),
        (ChangedFile(path="app.py", change="M", additions=0, deletions=900), Severity.STOP),
        (None, Severity.WARN),
    ],
    ids=["tools-were-replaced", "the-front-end-went", "too-few-lines", "a-lock-was-renamed", "code", "nobody-knows"],
)
def test_s03_only_warns_where_the_loss_may_be_meant(file: ChangedFile | None, severity: Severity) -> None:
    """Thirty of forty packages are gone, and the release's own lock is as before."""
    found = tuple(Package(name=f"p{number}", version="1", type="pypi") for number in range(10))
    since = None if file is None else (file,)
    report = check(scan(packages=found), history=history(**BEFORE), lock_packages=38, files_since=since)
    assert (result(report, "S03").status, result(report, "S03").severity) == (CheckStatus.FAILED, severity)
    assert report.accepted == (severity is Severity.WARN)


def test_s03_waits_for_a_history_of_the_lock_too() -> None:
    report = believed(scan(packages=()), history=history(scan__packages=40))
    assert result(report, "S03").status is CheckStatus.NOT_ENOUGH_HISTORY


@pytest.mark.parametrize(("left", "lost"), [(3, False), (2, True)])
def test_s03_two_packages_may_go_from_a_few(left: int, lost: bool) -> None:
    found = tuple(Package(name=f"p{number}", version="1", type="pypi") for number in range(left))
    report = check(scan(packages=found), history=history(scan__packages=5, build__lock_packages=5), lock_packages=5)
    assert [each.code for each in report.stops] == ["S03"] * lost


@pytest.mark.parametrize(("left", "locked"), [(40, 38), (32, 38), (10, 8)], ids=["same", "few", "dropped"])
def test_packages_may_go_with_the_lock(left: int, locked: int) -> None:
    found = tuple(Package(name=f"p{number}", version="1", type="pypi") for number in range(left))
    believed(scan(packages=found), history=history(**BEFORE), lock_packages=locked)
