"""Scanners of the project's own, really run: what they find, and every way in which they prove nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from data_checks.after_scan import CONTRACT
from sluice.config.model import ScanConfig
from sluice.records.scan import ScanRecord
from tests import factories
from tests.scan_parts import Bench
from tests.unit.results.test_sarif import log, result, run

WRITE = "import pathlib, sys\npathlib.Path('out').mkdir()\npathlib.Path('out/a.sarif').write_bytes({data!r})\n{more}"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def scan(bench: Bench, script: str, report: str = "out/*.sarif", **config: Any) -> ScanRecord:
    """Scan a project whose own scanner is `script`."""
    tool = {"command": ["python3", "lint.py"], "report": report}
    declared = ScanConfig.model_validate({"scanners": ["hadolint"], "sarif": [tool], **config})
    return bench.scan({"lint.py": script, "src/a.py": "eval(x)\n", "old.sarif": log(run()).decode()}, declared)


def writes(data: bytes, more: str = "") -> str:
    return WRITE.format(data=data, more=more)


def reason(record: ScanRecord) -> str:
    """Return why the project's own scanner is not believed; it must then be S07 at the boundary, and no finding."""
    (scanner,) = [each for each in record.scanners if each.name != "hadolint"]
    assert (scanner.status, record.passed, record.findings) == ("failed", False, ())
    assert "S07" in stops(record)
    return scanner.reason


def stops(record: ScanRecord) -> set[str]:
    """Return the codes that stop the record at its boundary."""
    facts = factories.facts(
        run_id=record.run_id, now=record.ended_at, tree=record.scanned_tree, release_digest=record.subject_digest
    )
    return {each.code for each in CONTRACT.check(record, facts).stops}


def test_findings_are_normalised_and_held_against_the_gate(bench: Bench) -> None:
    data = log(run(result(), result(message={"text": "again"}, partialFingerprints={"x": "1"}), artifacts=[{}]))
    record = scan(bench, writes(data, "sys.exit(1)"))
    assert [(f.rule, str(f.severity), f.path, f.line, f.tools, f.score) for f in record.findings] == [
        ("py/eval", "critical", "src/a.py", 7, ("Lint",), 9.1)
    ] * 2
    assert len({finding.fingerprint for finding in record.findings}) == 2
    assert len(record.blocking) == 2
    assert (record.scanners[-1].name, record.scanners[-1].version, record.scanners[-1].items_scanned) == (
        "Lint",
        "1.2.3",
        1,
    )
    moved = log(run(result(), artifacts=[{}])).replace(b'"startLine": 7', b'"startLine": 99')
    assert scan(bench, writes(moved)).findings[0].fingerprint in {each.fingerprint for each in record.findings}


def test_the_honest_twin_finds_nothing_and_passes(bench: Bench) -> None:
    record = scan(bench, writes(log(run(artifacts=[{}]))))
    assert (record.passed, record.findings, stops(record)) == (True, (), set())


def test_43_a_scanner_whose_own_execution_failed(bench: Bench) -> None:
    data = log(run(invocations=[{"executionSuccessful": False, "exitCodeDescription": "no rules"}]))
    assert reason(scan(bench, writes(data))) == "its own execution failed: no rules"


def test_43_no_finding_and_a_bad_exit_code(bench: Bench) -> None:
    assert reason(scan(bench, writes(log(run()), "sys.exit(2)"))) == "ended with exit code 2 and no finding"


def test_no_file_an_old_file_and_a_broken_file(bench: Bench) -> None:
    assert reason(scan(bench, "")) == (
        "REPORT_MISSING: no file matches 'out/*.sarif' (looked in the workspace) (exit code 0)"
    )
    assert reason(scan(bench, "", report="old.sarif")).startswith("REPORT_STALE: old.sarif lay there before")
    assert reason(scan(bench, writes(b'{"version": "2.1.0", "runs": ['))).startswith("REPORT_TRUNCATED: out/a.sarif: ")
    assert reason(scan(bench, writes(log()))) == "SARIF_FORMAT: its files hold no run"


def test_a_scanner_that_hangs_is_ended(bench: Bench) -> None:
    assert reason(scan(bench, "import time\ntime.sleep(600)", timeout=1)) == "did not end within 1 s"


def test_a_scanner_that_is_not_here(bench: Bench) -> None:
    declared = ScanConfig.model_validate(
        {"scanners": ["hadolint"], "sarif": [{"command": ["no-such-scanner"], "report": "a.sarif"}]}
    )
    record = bench.scan({"a.py": ""}, declared)
    assert not record.passed
    assert "no-such-scanner did not run: not on this machine" in record.reason


def test_odd_fields_are_said_in_the_log(bench: Bench) -> None:
    scan(bench, writes(log(run(result(level="dire"), artifacts=[{}]))))
    assert "SARIF_ODD: 1 unknown levels, taken for errors" in bench.log


def test_the_environment_holds_nothing_of_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_SECRET_PLANTED", "wert-4711")
    script = "import json, os\nprint('ENV ' + json.dumps(dict(os.environ)))\n" + writes(log(run()))
    scan(bench, script)
    (line,) = [line for line in bench.log.splitlines() if "ENV {" in line]
    assert "4711" not in line
    found = json.loads(line[line.index("{") :])
    assert not [name for name in found if name.startswith(("SLUICE", "PREFECT"))]
    assert found["HOME"] != os.environ["HOME"]
