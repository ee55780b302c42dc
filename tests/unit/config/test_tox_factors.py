"""A line that tox reads for some interpreters is read for the same ones here; other conditions are none of ours."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from sluice.config.tox_factors import conditioned


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("pytest>=7", "pytest>=7"),
        ("py311: mock", 'mock; python_version in "3.11"'),
        ("py3.11: mock", 'mock; python_version in "3.11"'),
        ("py{310,311,314t,pypy3}: ipython", 'ipython; python_version in "3.10 3.11"'),
        ("py{310,311,314t},pypy3: ipython", 'ipython; python_version in "3.10 3.11"'),
        ("py310,py312: mock>=4  # why", 'mock>=4; python_version in "3.10 3.12"'),
        ("p{y39,y310}: a; sys_platform == 'linux'", "a; python_version in \"3.9 3.10\" and (sys_platform == 'linux')"),
        ("django42: django~=4.2", None),
        ("py311-django{42,50}: django", None),
        ("!py311: mock", None),
        ("py311: -r more.txt", None),
        ("{{: x", None),
        ("py{,}: x", None),
        ("a{b,c}{d,e}{f,g}{h,i}{j,k}: x", None),
    ],
)
def test_conditions(line: str, read: str | None) -> None:
    assert conditioned(line) == read


def test_the_marker_is_one() -> None:
    marker = Requirement(conditioned("py{310,311}: a; extra == 'x' or os_name == 'posix'") or "").marker
    assert marker is not None
    assert marker.evaluate({"python_version": "3.11", "os_name": "posix", "extra": ""})
    assert not marker.evaluate({"python_version": "3.12", "os_name": "posix", "extra": "x"})
