"""Every lie is caught by its own code, and its honest twin passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.faults.lies.all import CASES, begin_database, promised, renew, untold
from tests.faults.lies.case import Case, Side, told
from tests.faults.lies.world import World

pytestmark = pytest.mark.faults
DOCUMENT = Path(__file__).parents[2] / "docs/no-silent-green.md"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "test-stage-home"


@pytest.fixture(scope="session")
def database() -> Iterator[Callable[[], Engine]]:
    """Start Postgres for the first case that asks for it."""
    with begin_database() as engine:
        yield engine


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_told(case: Case, tmp_path: Path, home: Path, database: Callable[[], Engine]) -> None:
    expected = "caught" if case.side is Side.LIE else "passes"
    assert told(case, World(tmp_path, home, database)) == expected


def test_no_code_of_checkout_and_tests_lacks_its_lie_or_its_twin() -> None:
    assert untold() == []


def test_the_document_has_the_table() -> None:
    text = DOCUMENT.read_text()
    assert renew(text, promised()) == text, "renew it: python -m tests.faults.lies docs/no-silent-green.md"
