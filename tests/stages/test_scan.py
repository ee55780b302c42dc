"""Scan with the real scanners on planted trees: what is there is found once, and what was not looked at is said."""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from sluice.artifacts import ArtifactCorruptError, ArtifactStore
from sluice.config.model import FindingWaiver, ScanConfig
from sluice.records.scan import FindingKind, FindingSeverity, Scanner, ScanRecord
from sluice.stages.scan import inputs
from tests.scan_parts import AWS_KEY, TOKEN, Bench, database, of_kind

CLEAN = {"app.py": "def greet(name: str) -> str:\n    return f'Hello {name}'\n", "README.md": "# Greeter\n"}
SHELL = "import subprocess\n\n\ndef run(name: str) -> None:\n    subprocess.call('ls ' + name, shell=True)\n"
DOCKERFILE = "FROM python:latest\nUSER 1000\nHEALTHCHECK CMD true\n"
OLD_FLASK = {**CLEAN, "requirements.txt": "flask==0.12\n"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def scanner(record: ScanRecord, name: str) -> Scanner:
    (found,) = [each for each in record.scanners if each.name == name]
    return found


def fake(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in a scanner's place that does what a broken one does."""
    path = folder / f"broken-{name}"
    path.write_text(f"#!/bin/sh\n[ \"$1\" = --version ] && echo 'version 9.9.9' && exit 0\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv(f"SLUICE_TOOL_{name.upper()}", str(path))


def test_a_clean_project_passes_and_says_what_was_looked_at(bench: Bench) -> None:
    request = bench.request(CLEAN)
    record = bench.run(request)
    assert (record.passed, record.reason, record.findings, record.blocking) == (True, "", (), ())
    assert record.scanned_digest == record.subject_digest == request.release.digest
    assert record.scanned_tree == request.source.tree
    assert scanner(record, "trivy").items_scanned == 2
    assert (scanner(record, "bandit").status, scanner(record, "bandit").items_scanned) == ("ok", 2)
    assert scanner(record, "hadolint").reason == "there is no Dockerfile"
    assert (record.vulnerabilities_scanned, record.not_scanned_reason) == (
        False,
        "no vulnerability data is configured (SLUICE_TRIVY_DB)",
    )
    assert record.headline() == "no findings · 0 packages · not scanned for vulnerabilities"
    assert pickle.loads(pickle.dumps(record)) == record
    assert ScanRecord.model_validate_json(record.model_dump_json()) == record


def test_scanners_leave_nothing_outside_the_home(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
        (tmp_path / variable).mkdir()
    assert scanner(bench.scan(CLEAN), "bandit").status == "ok"
    assert not [left for variable in ("HOME", "TMPDIR", "XDG_CACHE_HOME") for left in (tmp_path / variable).iterdir()]


def test_planted_secrets_are_found_once_and_are_nowhere_in_what_is_kept(bench: Bench) -> None:
    record = bench.scan({**CLEAN, "config.py": f'KEY = "{AWS_KEY}"\nTOKEN = "{TOKEN}"\n'})
    found = {(f.rule, f.path, f.line, f.tools) for f in of_kind(record, FindingKind.SECRET)}
    assert found == {
        ("aws-access-key-id", "config.py", 1, ("trivy",)),
        ("github-pat", "config.py", 2, ("bandit", "trivy")),
    }
    assert not record.passed
    assert set(record.blocking) == {f.fingerprint for f in record.findings}
    kept = [record.model_dump_json(), bench.log]
    kept += [ArtifactStore(bench.home.artifacts).read(ref).decode() for ref in record.artifacts]
    assert not [text for text in kept if AWS_KEY in text or TOKEN in text]


def test_the_canary_is_in_nothing_that_is_kept(bench: Bench) -> None:
    record = bench.scan(OLD_FLASK)
    store = ArtifactStore(bench.home.artifacts)
    kept = record.model_dump_json() + "".join(store.read(ref).decode() for ref in record.artifacts)
    assert "canary" not in kept


def test_vulnerabilities_with_a_database(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(database(bench.tmp / "data", age_days=30)))
    record = bench.scan(OLD_FLASK, release={"requirements.lock": "flask==0.12 \\\n    --hash=sha256:aa\n"})
    assert (record.vulnerabilities_scanned, record.not_scanned_reason) == (True, "")
    (flask,) = [finding for finding in record.findings if finding.rule == "CVE-2018-1000656"]
    assert (flask.kind, flask.severity) == (FindingKind.VULNERABILITY, FindingSeverity.HIGH)
    assert (flask.package, flask.version, flask.fixed_version, flask.score) == ("flask", "0.12", "0.12.3", 7.5)
    assert flask.path == "requirements.txt"
    assert flask.fingerprint in record.blocking
    assert "high CVE-2018-1000656 (flask 0.12, fixed in 0.12.3) at requirements.txt" in record.reason
    made = scanner(record, "trivy").database_updated_at
    assert made is not None
    assert timedelta(days=29.9) < datetime.now(UTC) - made < timedelta(days=30.1)


def test_a_package_that_only_the_release_has_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(database(bench.tmp / "data")))
    record = bench.scan(CLEAN, release={"requirements.lock": "flask==0.12\n"})
    assert {f.path for f in of_kind(record, FindingKind.VULNERABILITY)} == {"release:requirements.lock"}
    assert [package.name for package in record.packages] == ["flask"]


def test_without_a_database_nothing_is_said_about_vulnerabilities(bench: Bench) -> None:
    record = bench.scan(OLD_FLASK)
    assert (record.vulnerabilities_scanned, record.passed) == (False, True)
    assert of_kind(record, FindingKind.VULNERABILITY) == []
    assert scanner(record, "trivy").database_updated_at is None
    assert [(package.name, package.version, package.type) for package in record.packages] == [("flask", "0.12", "pypi")]


def test_a_database_that_is_not_there_is_no_clean_result(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(bench.tmp / "gone"))
    record = bench.scan(OLD_FLASK)
    assert not record.vulnerabilities_scanned
    assert record.not_scanned_reason == f"the vulnerability data {bench.tmp / 'gone'} lacks trivy.db and metadata.json"


def test_a_database_that_is_broken_is_a_failed_scanner(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = database(bench.tmp / "data")
    (folder / "trivy.db").write_bytes(b"junk" * 1000)
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(folder))
    record = bench.scan(OLD_FLASK)
    assert (scanner(record, "trivy").status, record.vulnerabilities_scanned, record.passed) == ("failed", False, False)
    assert record.reason.startswith("trivy failed: trivy ended with exit code ")


def test_a_repository_that_cannot_be_reached_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TRIVY_DB", "127.0.0.1:9/trivy-db:2")
    record = bench.scan(OLD_FLASK)
    assert not record.vulnerabilities_scanned
    assert record.not_scanned_reason.startswith("the vulnerability data 127.0.0.1:9/trivy-db:2 cannot be fetched: ")
    assert scanner(record, "trivy").status == "ok"  # secrets, packages and licences were looked at


def test_the_sbom_holds_every_package(bench: Bench) -> None:
    record = bench.scan({**CLEAN, "requirements.txt": "flask==0.12\njinja2==3.1.2\nclick>=8\n"})
    assert record.sbom is not None
    sbom = json.loads(ArtifactStore(bench.home.artifacts).read(record.sbom))
    assert sbom["bomFormat"] == "CycloneDX"
    libraries = sorted(part["purl"] for part in sbom["components"] if part["type"] == "library")
    assert libraries == ["pkg:pypi/flask@0.12", "pkg:pypi/jinja2@3.1.2"]
    assert [package.purl for package in record.packages] == libraries
    assert record.sbom in record.artifacts


def test_moved_lines_keep_their_names_and_new_ones_get_their_own(bench: Bench) -> None:
    quick = ScanConfig(scanners=("bandit", "hadolint"))
    before = bench.scan({**CLEAN, "run.py": SHELL, "Dockerfile": DOCKERFILE}, quick)
    moved = {**CLEAN, "run.py": f"# one\n# two\n\n{SHELL}", "Dockerfile": f"# a comment\n\n{DOCKERFILE}"}
    after = bench.scan(moved, quick)
    assert {f.fingerprint for f in after.findings} == {f.fingerprint for f in before.findings}
    assert [f.line for f in after.findings] != [f.line for f in before.findings]
    again = bench.scan({**moved, "run.py": SHELL + "    subprocess.call(name, shell=True)\n"}, quick)
    new = {f.fingerprint for f in again.findings} - {f.fingerprint for f in before.findings}
    assert [f.rule for f in again.findings if f.fingerprint in new] == ["B602"]


def test_one_dockerfile_two_tools_one_finding_each(bench: Bench) -> None:
    record = bench.scan({**CLEAN, "Dockerfile": DOCKERFILE})
    assert [(f.rule, f.tools, f.severity) for f in record.findings if f.rule == "DS-0001"] == [
        ("DS-0001", ("hadolint", "trivy"), FindingSeverity.MEDIUM)
    ]
    assert (scanner(record, "hadolint").items_scanned, record.passed) == (1, True)


def test_what_cannot_be_parsed_was_not_scanned_and_is_shown(bench: Bench) -> None:
    record = bench.scan(
        {**CLEAN, "bad.py": "def (:\n", "package-lock.json": "{broken", "Dockerfile": "FROM x\nRUNN y\n"}
    )
    assert [(f.path, f.tools) for f in record.findings if f.rule == "NOT-SCANNED"] == [
        ("bad.py", ("bandit",)),
        ("Dockerfile", ("hadolint", "trivy")),
        ("package-lock.json", ("trivy",)),
    ]
    bandit = scanner(record, "bandit")
    assert (bandit.status, bandit.items_skipped) == ("ok", 1)
    assert bandit.reason == "not read: bad.py (syntax error while parsing AST from file)"
    assert (scanner(record, "trivy").items_skipped, scanner(record, "hadolint").status) == (2, "not_run")


def test_python_that_cannot_be_read_at_all_is_a_failed_scanner(bench: Bench) -> None:
    record = bench.scan({"app.py": "print 'hello'\n"})
    assert scanner(record, "bandit").status == "failed"
    assert record.reason.startswith("bandit failed: none of 1 files could be read: app.py (syntax error")
    assert not record.passed


def test_an_empty_repository_is_nothing_scanned(bench: Bench) -> None:
    record = bench.scan({}, release={})
    assert [each.items_scanned for each in record.scanners] == [0, 0, 0]
    assert record.packages == ()


def test_empty_python_files_are_nothing_scanned(bench: Bench) -> None:
    bandit = scanner(bench.scan({"pkg/__init__.py": ""}), "bandit")
    assert (bandit.status, bandit.reason) == ("not_run", "1 Python files without a line of code")


@pytest.mark.parametrize(
    ("name", "script", "reason"),
    [
        ("bandit", "echo '{\"errors\": []'; exit 0", "bandit failed: the report of bandit cannot be read"),
        ("bandit", "exit 0", "bandit failed: the report of bandit cannot be read"),
        ("bandit", "kill -SEGV $$", "bandit failed: bandit ended with exit code 139"),
        ("bandit", "echo Traceback >&2; exit 2", "bandit failed: bandit ended with exit code 2: Traceback"),
        ("hadolint", "exit 0", "hadolint failed: the report of hadolint cannot be read"),
        ("trivy", "exit 0", "trivy failed: the report of trivy cannot be read"),
        ("trivy", "exit 1", "trivy failed: trivy ended with exit code 1"),
    ],
)
def test_a_scanner_that_breaks_is_never_0_findings(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, script: str, reason: str
) -> None:
    fake(bench.tmp, name, script, monkeypatch)
    others = [each for each in ("hadolint", "bandit") if each != name]
    config = ScanConfig(scanners=(name, *others))
    record = bench.scan({**CLEAN, "run.py": SHELL, "Dockerfile": DOCKERFILE}, config)
    assert record.reason.startswith(reason)
    assert (record.passed, scanner(record, name).status) == (False, "failed")
    assert {scanner(record, each).status for each in others} == {"ok"}


@pytest.mark.parametrize("name", ["trivy", "bandit", "hadolint"])
def test_a_scanner_that_does_not_end_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fake(bench.tmp, name, "sleep 300", monkeypatch)
    record = bench.scan({**CLEAN, "Dockerfile": DOCKERFILE}, ScanConfig(scanners=(name,), timeout=0.5))  # type: ignore[arg-type]
    assert (record.passed, record.reason) == (False, f"{name} failed: {name} did not end within 0.5 s")


def test_a_scanner_that_cannot_say_its_version_is_broken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TOOL_BANDIT", "/bin/false")
    record = bench.scan(CLEAN, ScanConfig(scanners=("bandit",)))
    assert (record.passed, record.inputs["scanners"]) == (False, "bandit broken")
    assert record.reason == "bandit failed: /bin/false --version ended with exit code 1"


def test_a_trivy_that_looks_at_nothing_is_found_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'while [ "$1" != --output ]; do shift; done; echo \'{"SchemaVersion": 2}\' > "$2"'
    fake(bench.tmp, "trivy", script, monkeypatch)
    record = bench.scan(CLEAN, ScanConfig(scanners=("trivy",)))
    assert record.reason == (
        "trivy failed: trivy did not report the secret and the package planted for it: it looks at nothing"
    )


def test_a_scanner_that_is_not_here_is_said_and_does_not_pass(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TOOL_BANDIT", "/no/such/bandit")
    record = bench.scan({**CLEAN, "Dockerfile": DOCKERFILE})
    assert (scanner(record, "bandit").status, record.passed) == ("not_run", False)
    assert record.reason.startswith("bandit did not run: not on this machine: SLUICE_TOOL_BANDIT names no executable")
    without = bench.scan(CLEAN, ScanConfig(scanners=("trivy",)))
    assert (without.passed, [each.name for each in without.scanners]) == (True, ["trivy"])


def test_settings_of_the_project_and_the_machine_hide_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = {
        ".trivyignore": "DS-0001\naws-access-key-id\n",
        "trivy.yaml": "severity: [CRITICAL]\nscan: {scanners: [license]}\n",
        "trivy-secret.yaml": "disable-rules: [aws-access-key-id]\n",
        ".hadolint.yaml": "ignored: [DL3007]\n",
        ".bandit": "[bandit]\nskips: B602\n",
        "pyproject.toml": "[tool.bandit]\nskips = ['B602']\n",
    }
    monkeypatch.setenv("HADOLINT_IGNORE", "DL3007")
    monkeypatch.setenv("TRIVY_SEVERITY", "LOW")
    monkeypatch.setenv("TRIVY_SCANNERS", "license")
    record = bench.scan({**CLEAN, **hidden, "run.py": SHELL, "key.txt": f"key = {AWS_KEY}\n", "Dockerfile": DOCKERFILE})
    assert {"aws-access-key-id", "B602"} <= {finding.rule for finding in record.findings}
    assert [f.tools for f in record.findings if f.rule == "DS-0001"] == [("hadolint", "trivy")]


def test_comments_that_tell_a_tool_to_look_away_are_counted(bench: Bench) -> None:
    quiet = SHELL.replace("shell=True)", "shell=True)  # nosec B602")
    dockerfile = f"#trivy:ignore:DS-0001\n# hadolint ignore=DL3007\n{DOCKERFILE}"
    record = bench.scan({**CLEAN, "run.py": quiet, "Dockerfile": dockerfile})
    assert {each.name: each.suppressed for each in record.scanners} == {"trivy": 1, "bandit": 1, "hadolint": 1}
    assert "B602" not in {finding.rule for finding in record.findings}


def waiver(fingerprint: str, expires: date) -> FindingWaiver:
    return FindingWaiver(
        fingerprint=fingerprint, reason="the name is a constant", owner="ada", expires=expires.isoformat()
    )


def test_a_waiver_lets_a_finding_through_until_its_date(bench: Bench) -> None:
    files, today = {**CLEAN, "run.py": SHELL}, datetime.now(UTC).date()
    (blocking,) = bench.scan(files).blocking
    request = bench.request(files, ScanConfig(waivers=(waiver(blocking, today),)))
    accepted = bench.run(request)
    assert (accepted.passed, accepted.waived, accepted.blocking) == (True, (blocking,), ())
    late = bench.request(files, ScanConfig(waivers=(waiver(blocking, today - timedelta(days=1)),)))
    refused = bench.run(late)
    assert (refused.passed, refused.waived, refused.blocking, refused.expired) == (False, (), (blocking,), (blocking,))
    assert f"The waiver of {blocking} by ada expired on {today - timedelta(days=1)}" in refused.reason
    assert inputs(request, bench.context)["expired waivers"] == ""
    assert inputs(late, bench.context)["expired waivers"] == blocking


def test_excluded_files_are_not_scanned_and_are_counted(bench: Bench) -> None:
    files = {**CLEAN, "fixtures/key.txt": f"key = {AWS_KEY}\n", "run.py": SHELL}
    record = bench.scan(files, ScanConfig(exclude=("fixtures",)))
    assert [finding.rule for finding in record.findings if finding.severity <= "high"] == ["B602"]
    assert record.excluded_files == 2  # in the source and in the release


def test_tests_are_not_searched_for_asserts(bench: Bench) -> None:
    record = bench.scan({**CLEAN, "tests/test_app.py": "def test_x():\n    assert 1\n", "test_y.py": "assert 1\n"})
    assert record.findings == ()
    assert scanner(record, "bandit").items_scanned == 2


def licensed(**licences: str) -> dict[str, str]:
    """Return a project whose lock names these packages, each with its licence."""
    packages = {f"node_modules/{name}": {"version": "1.0.0", "license": text} for name, text in licences.items()}
    root = {"name": "x", "dependencies": dict.fromkeys(licences, "1.0.0")}
    lock = {"name": "x", "lockfileVersion": 3, "packages": {"": root, **packages}}
    return {**CLEAN, "package.json": "{}", "package-lock.json": json.dumps(lock)}


def test_a_forbidden_licence_blocks_and_others_do_not(bench: Bench) -> None:
    record = bench.scan(licensed(a="AGPL-3.0", g="GPL-3.0"))
    severities = {f.package: f.severity for f in of_kind(record, FindingKind.LICENCE)}
    assert severities == {"a": FindingSeverity.CRITICAL, "g": FindingSeverity.LOW}
    assert len(record.blocking) == 1


def test_a_denied_licence_blocks_whatever_trivy_thinks_of_it(bench: Bench) -> None:
    config = ScanConfig.model_validate({"licences": {"deny": ["gpl-*"]}})
    record = bench.scan(licensed(g="GPL-3.0", m="MIT"), config)
    (denied,) = [f for f in of_kind(record, FindingKind.LICENCE) if f.severity is FindingSeverity.CRITICAL]
    assert denied.package == "g"
    assert denied.title.endswith("which scan.licences denies")
    assert record.blocking == (denied.fingerprint,)


def test_a_release_with_other_bytes_than_its_digest_is_told_by_the_record(bench: Bench) -> None:
    request = bench.request(CLEAN)
    stored = ArtifactStore(bench.home.artifacts).path(request.release.artifact.sha256)
    stored.chmod(0o644)
    other = bench.request(CLEAN, release={"other.py": "x = 1\n"})
    stored.write_bytes(ArtifactStore(bench.home.artifacts).path(other.release.artifact.sha256).read_bytes())
    record = bench.run(request.model_copy(update={"source": other.source}))
    assert record.subject_digest == request.release.digest
    assert record.scanned_digest == other.release.digest


def test_a_release_that_is_gone_is_an_error(bench: Bench) -> None:
    request = bench.request(CLEAN)
    ArtifactStore(bench.home.artifacts).path(request.release.artifact.sha256).unlink()
    with pytest.raises(ArtifactCorruptError) as caught:
        bench.run(request)
    assert caught.value.code == "ARTIFACT_GONE"


def test_an_interrupted_scan_leaves_nothing_running(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(bench.tmp, "trivy", "sleep 300", monkeypatch)
    request = bench.request(CLEAN, ScanConfig(scanners=("trivy",)))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            bench.run(request)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 200  # and not the 300 of the scanner
    left = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert not [words for words in left if "300" in words]


def test_the_key_changes_with_what_the_result_depends_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    request = bench.request(CLEAN)
    first = inputs(request, bench.context)
    assert first == inputs(request, bench.context)
    assert first["scanners"].startswith("trivy 0.")
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(database(bench.tmp / "data", age_days=6.99)))
    fresh = inputs(request, bench.context)
    monkeypatch.setenv("SLUICE_TRIVY_DB_MAX_AGE_DAYS", "6")
    stale = inputs(request, bench.context)
    monkeypatch.setenv("SLUICE_TOOL_BANDIT", os.devnull)
    missing = inputs(request, bench.context)
    assert {key for key in fresh if fresh[key] != first[key]} == {"database"}
    assert {key for key in stale if stale[key] != fresh[key]} == {"database stale"}
    assert {key for key in missing if missing[key] != stale[key]} == {"scanners"}
    other = inputs(bench.request({**CLEAN, "b.py": "x = 1\n"}), bench.context)
    assert {key for key in other if other[key] != missing[key]} == {"source", "release"}
