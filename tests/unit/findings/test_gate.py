"""The gate: what blocks, what is accepted, and until when."""

from __future__ import annotations

from datetime import date

import pytest

from sluice.config.model import FindingWaiver, ScanConfig
from sluice.findings.gate import blocks, is_expired, judge
from sluice.records.scan import Finding, FindingKind, FindingSeverity

TODAY = date(2026, 11, 23)


def finding(name: str, severity: FindingSeverity = FindingSeverity.HIGH) -> Finding:
    return Finding(
        fingerprint=name,
        kind=FindingKind.CODE,
        rule="B602",
        severity=severity,
        title="shell",
        tools=("bandit",),
        path="run.py",
        line=4,
    )


def waiver(name: str, expires: str) -> FindingWaiver:
    return FindingWaiver(fingerprint=name, reason="input is a constant", owner="ada", expires=expires)


@pytest.mark.parametrize(
    ("gate", "blocking"),
    [
        ("critical", "C"),
        ("high", "CH"),
        ("medium", "CHM"),
        ("low", "CHMLU"),
        ("none", ""),
    ],
)
def test_what_each_gate_blocks(gate: str, blocking: str) -> None:
    findings = [finding(severity.name[0], severity) for severity in FindingSeverity]
    verdict = judge(findings, ScanConfig(gate=gate), TODAY)  # type: ignore[arg-type]
    assert "".join(f.fingerprint for f in verdict.blocking) == blocking
    assert bool(verdict.reason) == bool(blocking)


def test_unknown_blocks_at_the_lowest_gate_only() -> None:
    assert blocks(FindingSeverity.UNKNOWN, FindingSeverity.LOW)
    assert not blocks(FindingSeverity.UNKNOWN, FindingSeverity.MEDIUM)


def test_a_waiver_counts_up_to_its_last_day() -> None:
    verdict = judge([finding("a")], ScanConfig(waivers=(waiver("a", "2026-11-23"),)), TODAY)
    assert (verdict.blocking, verdict.waived, verdict.expired, verdict.reason) == ((), ("a",), (), "")


def test_an_expired_waiver_waives_nothing_and_is_named() -> None:
    verdict = judge([finding("a")], ScanConfig(waivers=(waiver("a", "2026-11-22"),)), TODAY)
    assert [f.fingerprint for f in verdict.blocking] == ["a"]
    assert (verdict.waived, [w.fingerprint for w in verdict.expired]) == ((), ["a"])
    assert verdict.reason == (
        "1 finding of severity high or above: high B602 (shell) at run.py:4. "
        "The waiver of a by ada expired on 2026-11-22"
    )


def test_a_waiver_of_another_finding_waives_nothing() -> None:
    verdict = judge([finding("a")], ScanConfig(waivers=(waiver("b", "2027-01-01"),)), TODAY)
    assert [f.fingerprint for f in verdict.blocking] == ["a"]
    assert verdict.waived == ()


def test_a_date_that_does_not_exist_has_passed() -> None:
    wrong = FindingWaiver.model_construct(fingerprint="a", reason="r" * 8, owner="ada", expires="2027-02-30")
    assert is_expired(wrong, TODAY)


def test_the_reason_names_three_and_counts_the_rest() -> None:
    verdict = judge([finding(str(number)) for number in range(5)], ScanConfig(), TODAY)
    assert verdict.reason.startswith("5 findings of severity high or above: ")
    assert verdict.reason.endswith("; and 2 more")


OLD = {"a": date(2026, 10, 1)}


def test_what_the_base_has_too_is_old_and_does_not_block() -> None:
    verdict = judge([finding("a"), finding("b")], ScanConfig(), TODAY, OLD)
    assert [f.fingerprint for f in verdict.blocking] == ["b"]
    assert [f.fingerprint for f in verdict.old] == ["a"]


def test_a_finding_that_was_accepted_once_is_never_old() -> None:
    late = ScanConfig(waivers=(waiver("a", "2026-11-22"),))
    verdict = judge([finding("a")], late, TODAY, OLD)
    assert ([f.fingerprint for f in verdict.blocking], verdict.old) == (["a"], ())
