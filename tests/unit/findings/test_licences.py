"""Licences that a project denies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sluice.findings.draft import Draft
from sluice.findings.licences import denied
from sluice.findings.merge import merge
from sluice.records.scan import FindingKind, FindingSeverity

LICENCE = Draft(
    "trivy", FindingKind.LICENCE, "GPL-3.0-only", FindingSeverity.LOW, "it has one", path="a", package="readline"
)


@pytest.mark.parametrize(
    ("deny", "severity"),
    [
        (("GPL-3.0-only",), FindingSeverity.CRITICAL),
        (("MIT", "gpl-*"), FindingSeverity.CRITICAL),
        (("AGPL-*", "GPL-3.0"), FindingSeverity.LOW),
        ((), FindingSeverity.LOW),
    ],
)
def test_a_denied_licence_is_critical(deny: tuple[str, ...], severity: FindingSeverity) -> None:
    (draft,) = denied([LICENCE], deny)
    assert draft.severity is severity


def test_only_licences_are_denied() -> None:
    code = replace(LICENCE, kind=FindingKind.CODE)
    assert list(denied([code], ("*",))) == [code]


def test_one_licence_of_one_package_is_one_finding_wherever_it_was_seen() -> None:
    of_image = replace(LICENCE, path="release:usr/lib", layer="sha256:1", from_base=True)
    (finding,) = merge(denied([LICENCE, of_image], ("GPL-*",)))
    assert (finding.severity, finding.layer, finding.from_base) == (FindingSeverity.CRITICAL, "sha256:1", True)
    assert finding.title == "readline has the licence GPL-3.0-only, which scan.licences denies"
