"""Every lie is caught by its own code, and its honest twin passes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.lies.all import CASES, promised, renew, untold
from tests.faults.lies.case import Case, told
from tests.faults.lies.of_images import OF_IMAGES, OfImage

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs/no-silent-green.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_told(case: Case, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    became = told(case, {name: request.getfixturevalue(name) for name in case.needs})
    record_property("became", became)
    assert became == case.side.promised


def test_no_code_lacks_its_lie_or_its_twin() -> None:
    assert untold() == []


def test_no_case_is_there_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("test", sorted({test for each in OF_IMAGES for test in (each.test, each.twin_test)}))
def test_a_lie_of_an_image_has_its_test(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in [
        node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)
    ]


@pytest.mark.parametrize("each", OF_IMAGES, ids=lambda each: each.code)
def test_the_test_of_an_image_is_about_its_code(each: OfImage) -> None:
    assert each.code.lower() in each.test.partition("::")[2]


def test_the_document_has_the_table() -> None:
    text = DOCUMENT.read_text()
    assert renew(text, promised()) == text, "renew it: python -m tests.faults.lies docs/no-silent-green.md"
