"""Values of tools, made safe and comparable."""

from __future__ import annotations

import pytest

from sluice.findings.draft import line_of, package_name, plain, score_of, severity_of
from sluice.records.scan import FindingSeverity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("CRITICAL", FindingSeverity.CRITICAL),
        (" High ", FindingSeverity.HIGH),
        ("moderate", FindingSeverity.MEDIUM),
        ("NEGLIGIBLE", FindingSeverity.LOW),
        ("", FindingSeverity.UNKNOWN),
        ("catastrophic", FindingSeverity.UNKNOWN),
    ],
)
def test_severities(text: str, severity: FindingSeverity) -> None:
    assert severity_of(text) is severity


@pytest.mark.parametrize(
    ("value", "score"),
    [(7.5, 7.5), (0, 0.0), (10, 10.0), (10.1, None), (-1, None), (float("nan"), None), ("7", None), (True, None)],
)
def test_scores(value: object, score: float | None) -> None:
    assert score_of(value) == score


@pytest.mark.parametrize(("value", "line"), [(1, 1), (0, None), (-5, None), ("3", None), (None, None), (True, None)])
def test_lines(value: object, line: int | None) -> None:
    assert line_of(value) == line


def test_text_from_outside_is_one_plain_line() -> None:
    assert plain("a\x1b[31m\nb\u202ec\t d") == "a [31m b c d"
    assert plain("x" * 400) == "x" * 299 + "…"


def test_python_packages_have_one_name() -> None:
    assert package_name("Zope.Interface__x", "pypi") == "zope-interface-x"
    assert package_name("Left.Pad", "npm") == "Left.Pad"
