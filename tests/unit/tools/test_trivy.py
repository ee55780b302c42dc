"""Trivy's report as findings: nothing lost, no secret kept, and a Trivy that looks at nothing is found out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sluice.findings.report import ScannerReportError, read_report
from sluice.records.scan import FindingKind, FindingSeverity
from sluice.tools import trivy, trivy_drafts
from sluice.tools.trivy_database import locate
from sluice.tools.trivy_report import Report

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "AKIA" + "IOSFODNN7EXAMPL1"
FLASK = {"Name": "flask", "Version": "0.12", "Identifier": {"PURL": "pkg:pypi/flask@0.12"}}


def report(*results: dict[str, Any]) -> Report:
    return read_report(Report, json.dumps({"SchemaVersion": 2, "Results": results}), "trivy")


def drafts(root: Path, *results: dict[str, Any]) -> tuple[trivy_drafts.Draft, ...]:
    return trivy_drafts.drafts(report(*results).results or [], root)


def test_a_vulnerability(tmp_path: Path) -> None:
    found = {
        "VulnerabilityID": "CVE-2018-1000656",
        "VendorIDs": ["PYSEC-2018-66"],
        "PkgName": "Flask",
        "PkgIdentifier": {"PURL": "pkg:pypi/flask@0.12"},
        "InstalledVersion": "0.12",
        "FixedVersion": "0.12.3",
        "Severity": "HIGH",
        "SeveritySource": "ghsa",
        "Title": "Denial of service",
        "CVSS": {"nvd": {"V3Score": 7.5}, "ghsa": {"V3Score": 8.1}},
    }
    (draft,) = drafts(tmp_path, {"Target": "source/requirements.txt", "Type": "pip", "Vulnerabilities": [found]})
    assert (draft.kind, draft.rule, draft.severity) == (
        FindingKind.VULNERABILITY,
        "CVE-2018-1000656",
        FindingSeverity.HIGH,
    )
    assert (draft.package, draft.ecosystem, draft.version, draft.fixed_version) == ("flask", "pypi", "0.12", "0.12.3")
    assert (draft.score, draft.path, draft.aliases) == (8.1, "requirements.txt", ("PYSEC-2018-66",))


def test_a_secret_keeps_no_value(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/app.py").write_text(f'KEY = "{KEY}"\n')
    found = {"RuleID": "aws-access-key-id", "Severity": "CRITICAL", "Title": "AWS", "StartLine": 1, "Offset": 7}
    (draft,) = drafts(tmp_path, {"Target": "source/app.py", "Secrets": [{**found, "Match": f'KEY = "{"*" * 20}"'}]})
    assert (draft.rule, draft.path, draft.line) == ("aws-access-key-id", "app.py", 1)
    assert KEY not in repr(draft)
    (tmp_path / "source/app.py").write_text(f'# moved\n\nKEY = "{KEY}"\n')
    moved = {**found, "StartLine": 3, "Offset": 16, "Match": f'KEY = "{"*" * 20}"'}
    (again,) = drafts(tmp_path, {"Target": "source/app.py", "Secrets": [moved]})
    assert again.secret == draft.secret


@pytest.mark.parametrize(
    ("category", "severity", "expected"),
    [
        ("forbidden", "CRITICAL", FindingSeverity.CRITICAL),
        ("restricted", "HIGH", FindingSeverity.LOW),
        ("notice", "LOW", FindingSeverity.LOW),
        ("unknown", "UNKNOWN", FindingSeverity.UNKNOWN),
    ],
)
def test_only_a_forbidden_licence_has_weight(
    tmp_path: Path, category: str, severity: str, expected: FindingSeverity
) -> None:
    licence = {"Severity": severity, "Category": category, "PkgName": "foo", "Name": "AGPL-3.0-only"}
    (draft,) = drafts(tmp_path, {"Target": "source/package-lock.json", "Licenses": [licence]})
    assert (draft.severity, draft.rule, draft.package) == (expected, "AGPL-3.0-only", "foo")


def test_a_check_that_passed_is_no_finding(tmp_path: Path) -> None:
    good = {"ID": "DS-0001", "Status": "PASS", "Severity": "MEDIUM"}
    bad = {"ID": "DS-0002", "Status": "FAIL", "Severity": "HIGH", "Title": "root", "Message": "add USER"}
    found = drafts(tmp_path, {"Target": "source/Dockerfile", "Type": "dockerfile", "Misconfigurations": [good, bad]})
    assert [draft.rule for draft in found] == ["DS-0002"]


def test_packages_of_source_and_release_are_counted_once() -> None:
    upper = {**FLASK, "Name": "Flask", "Licenses": ["BSD-3-Clause"]}
    other = {"Name": "flask", "Version": "1.0", "Identifier": {"PURL": "pkg:pypi/flask@1.0"}}
    results = report(
        {"Target": "source/requirements.txt", "Type": "pip", "Packages": [FLASK]},
        {"Target": "release/requirements.lock", "Type": "pip", "Packages": [upper, other]},
    ).results
    packages = trivy_drafts.packages(results or [])
    assert [(p.version, p.type, p.licences) for p in packages] == [
        ("0.12", "pypi", ("BSD-3-Clause",)),
        ("1.0", "pypi", ()),
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Results": []}', '{"SchemaVersion": 2, "Results": [{}]}', "null"])
def test_a_broken_report_is_no_empty_one(text: str) -> None:
    with pytest.raises(ScannerReportError) as caught:
        read_report(Report, text, "trivy")
    assert str(caught.value).startswith("SCANNER_REPORT: the report of trivy cannot be read")


def test_the_canary_tells_a_blind_trivy() -> None:
    secret = {"Target": "canary/credentials.txt", "Secrets": [{"RuleID": "aws-access-key-id"}]}
    package = {"Target": "canary/requirements.txt", "Packages": [{"Name": "sluice-canary", "Version": "1.0"}]}
    assert trivy._blind(report(secret, package)) == ""
    assert "the secret planted" in trivy._blind(report(package))
    assert "the package planted" in trivy._blind(report(secret))
    assert "the secret and the package planted" in trivy._blind(report())
    assert "the secret" in trivy._blind(report({**secret, "Target": "source/credentials.txt"}, package))


def test_what_it_could_not_parse_is_in_its_log() -> None:
    log = (
        '2026-11-23T20:41:32Z\tDEBUG\tWalk error\tfile_path="source/package-lock.json" err="parse error"\n'
        '2026-11-23T20:41Z\tERROR\t[dockerfile scanner] Failed to parse file\tfile_path="source/Dockerfile" err="x"\n'
        '2026-11-23T20:41:11Z\tERROR\t[terraform parser] Error parsing file\tmodule="root" file_path="c/x.tf" err="x"\n'
        '2026-11-23T20:41:32Z\tDEBUG\t[secret] scanStream called\tfile_path="source/fine.py"\n'
    )
    assert [match["path"] for match in trivy.UNREAD.finditer(log)] == [
        "source/package-lock.json",
        "source/Dockerfile",
        "c/x.tf",
    ]


def metadata(folder: Path, **fields: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trivy.db").write_bytes(b"x")
    known = {"UpdatedAt": "2026-11-20T15:02:58.348597529Z", "NextUpdate": "2026-11-21T15:02:58Z"}
    (folder / "metadata.json").write_text(json.dumps(known | fields))
    return folder


def test_no_database_is_said(tmp_path: Path) -> None:
    database = locate(None, tmp_path, NOW)
    assert (database.usable, database.reason) == (False, "no vulnerability data is configured (SLUICE_TRIVY_DB)")


def test_a_directory_is_used_with_its_age(tmp_path: Path) -> None:
    folder = metadata(tmp_path / "data")
    database = locate(str(folder), tmp_path / "cache", NOW)
    assert database.usable
    assert not database.due
    assert database.updated_at == datetime(2026, 11, 20, 15, 2, 58, 348597, tzinfo=UTC)


def test_a_directory_without_data_says_what_lacks(tmp_path: Path) -> None:
    database = locate(str(tmp_path / "gone"), tmp_path / "cache", NOW)
    assert database.reason == f"the vulnerability data {tmp_path / 'gone'} lacks trivy.db and metadata.json"
    assert not database.due


@pytest.mark.parametrize("fields", [{"UpdatedAt": "yesterday"}, {"NextUpdate": ""}])
def test_metadata_that_cannot_be_read_is_no_data(tmp_path: Path, fields: dict[str, str]) -> None:
    folder = metadata(tmp_path / "data", **fields)
    assert "metadata.json" in locate(str(folder), tmp_path / "cache", NOW).reason


def test_a_repository_is_due_at_first_and_when_its_next_update_has_passed(tmp_path: Path) -> None:
    setting = "127.0.0.1:5501/trivy-db:2"
    database = locate(setting, tmp_path, NOW)
    assert database.due
    assert not database.usable
    metadata(database.folder)
    assert locate(setting, tmp_path, NOW).due
    metadata(database.folder, NextUpdate="2026-12-01T00:00:00Z")
    assert (locate(setting, tmp_path, NOW).due, locate(setting, tmp_path, NOW).usable) == (False, True)
