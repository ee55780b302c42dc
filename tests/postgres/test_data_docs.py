"""The Data Docs of what the boundaries said, by Great Expectations' own site builder, from real rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from data_checks.docs import write_site
from sluice.records.checks import BoundaryReport, CheckResult
from sluice.states import CheckStatus, Severity, StageName
from sluice.store.read import Reader
from tests import factories
from tests.postgres.test_ingest import stage_of
from tests.postgres.test_report import HOSTILE, Page, World

pytestmark = pytest.mark.postgres


def said(code: str, name: str, status: CheckStatus, observed: str) -> CheckResult:
    known = {"severity": Severity.STOP, "expectation": "expect_column_values_to_be_between", "expected": "at least $1"}
    return CheckResult(code=code, name=name, status=status, observed=observed, **known)


def test_a_page_a_boundary_with_what_was_expected_and_observed(engine: Engine, tmp_path: Path) -> None:
    world = World(engine, tmp_path)
    runs = [world.run(branch=HOSTILE), world.run()]
    checks = (
        said("T01", "NO_TESTS", CheckStatus.PASSED, "12 tests"),
        said("T06", "COUNTS_DISAGREE", CheckStatus.FAILED, HOSTILE),
        said("T11", "COVERAGE_MISSING", CheckStatus.NOT_APPLICABLE, "no gate is set"),
    )
    lie = factories.run_of(run_id=runs[0])
    world.ingest.reject(
        stage_of(engine, lie), lie, BoundaryReport(boundary=StageName.TEST, results=checks, seconds=0.1)
    )
    built = factories.build(run_id=runs[1])
    good = (said("B01", "DIGEST_MISMATCH", CheckStatus.PASSED, "the same"),)
    report = BoundaryReport(boundary=StageName.BUILD, results=good, seconds=0.1)
    world.ingest.accept(stage_of(engine, built), built, report)
    reader = Reader(engine)
    index = write_site([reader.resolve_run(run) for run in runs], tmp_path / "site")

    pages = {page.parent.parent.parent.name: page.read_text() for page in index.parent.glob("validations/*/*/*/*.html")}
    assert sorted(pages) == ["after build", "after test"]
    words = " ".join(Page(pages["after test"]).words.split())
    assert "T01 NO_TESTS: at least $1" in words
    assert "12 tests" in words
    assert "T06 COUNTS_DISAGREE" in words
    assert "COVERAGE_MISSING" not in words, "nothing was looked at"
    assert "<img src=x onerror=alert(1)>␛[31m<U+202E>" in words
    assert "<img src=x" not in pages["after test"]
    assert "alert(2)</script>" not in pages["after test"]
    first = index.read_text()
    assert "<img src=x" not in first
    assert first.count("after test") >= 1
