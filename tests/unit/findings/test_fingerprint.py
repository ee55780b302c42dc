"""A fingerprint stays when lines move, and changes when the problem does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sluice.findings.draft import Draft
from sluice.findings.fingerprint import fingerprint
from sluice.records.scan import FindingKind, FindingSeverity

CODE = Draft(
    "bandit",
    FindingKind.CODE,
    "B602",
    FindingSeverity.HIGH,
    "shell",
    path="app/run.py",
    line=12,
    context='subprocess.call("ls " + name, shell=True)',
)
SECRET = Draft(
    "trivy",
    FindingKind.SECRET,
    "github-pat",
    FindingSeverity.CRITICAL,
    "token",
    path="app/run.py",
    line=3,
    secret="ab" * 32,
)
FLAW = Draft(
    "trivy",
    FindingKind.VULNERABILITY,
    "CVE-2018-1000656",
    FindingSeverity.HIGH,
    "flask",
    path="requirements.txt",
    package="flask",
    ecosystem="pypi",
    version="0.12",
)


@pytest.mark.parametrize(
    ("draft", "change"),
    [
        (CODE, {"line": 99}),
        (CODE, {"title": "other words", "severity": FindingSeverity.LOW, "tool": "other"}),
        (CODE, {"context": '    subprocess.call("ls "   + name, shell=True)  '}),
        (SECRET, {"line": 99, "context": "other text around it"}),
        (FLAW, {"path": "release:requirements.lock", "version": "0.11", "fixed_version": "0.12.3"}),
    ],
)
def test_it_stays(draft: Draft, change: dict[str, object]) -> None:
    assert fingerprint(replace(draft, **change)) == fingerprint(draft)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("draft", "change"),
    [
        (CODE, {"path": "app/other.py"}),
        (CODE, {"rule": "B603"}),
        (CODE, {"context": "subprocess.call(command, shell=True)"}),
        (SECRET, {"secret": "cd" * 32}),
        (SECRET, {"path": "app/other.py"}),
        (FLAW, {"package": "jinja2"}),
        (FLAW, {"ecosystem": "npm"}),
        (FLAW, {"rule": "CVE-2023-30861"}),
    ],
)
def test_it_changes(draft: Draft, change: dict[str, object]) -> None:
    assert fingerprint(replace(draft, **change)) != fingerprint(draft)  # type: ignore[arg-type]


def test_a_second_one_of_the_same_text_has_its_own() -> None:
    assert len({fingerprint(CODE, occurrence) for occurrence in range(3)}) == 3


def test_a_secret_gives_16_bits_away_and_no_more() -> None:
    same_hint = replace(SECRET, secret="abab" + "0" * 60)
    assert fingerprint(same_hint) == fingerprint(SECRET)
