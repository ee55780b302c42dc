"""The registry: every code is checked once, by its own boundary, and the docs tell of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_checks import contracts, registry
from data_checks.registry import BY_CODE, lie, renew, table
from sluice.config.waivers import CODES
from sluice.states import Severity, StageName

DOCUMENT = Path(__file__).parents[3] / "docs/no-silent-green.md"
PROMISED = {"C": 9, "T": 17, "B": 9, "S": 8, "D": 9, "K": 6, "R": 5}
WARNINGS = {"C06", "C08", "T15", "B08"}  # as contracts say: all others stop
PREFIX = {"C": "checkout", "T": "test", "B": "build", "S": "scan", "D": "deploy", "K": "smoke", "R": "rollback"}


def test_every_code_is_checked_exactly_once_by_its_own_boundary() -> None:
    checked = [(check.code, stage) for stage, contract in contracts().items() for check in contract.checks]
    assert sorted(checked) == sorted((entry.code, entry.boundary) for entry in BY_CODE.values())


def test_the_codes_that_the_product_promises_are_there() -> None:
    promised = {f"{letter}{number:02}" for letter, many in PROMISED.items() for number in range(1, many + 1)}
    assert promised == set(BY_CODE)


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_an_entry_is_whole(code: str) -> None:
    entry = lie(code)
    assert PREFIX[code[0]] == entry.boundary
    assert re.fullmatch(r"[A-Z]\d{2}", entry.code)
    assert re.fullmatch(r"[A-Z][A-Z_]+[A-Z]", entry.name)
    assert (entry.severity is Severity.WARN) == (entry.code in WARNINGS)
    assert entry.says.endswith(".")
    assert not entry.lie.endswith(".")
    assert entry.next_step.endswith((".", "with an older one."))


def test_every_code_can_be_waived() -> None:
    assert frozenset(BY_CODE) <= CODES, "sluice/config/waivers.py"


def test_names_are_unique() -> None:
    assert len({entry.name for entry in BY_CODE.values()}) == len(BY_CODE)


def test_the_table_has_one_line_a_code_in_the_order_of_a_run() -> None:
    codes = [line.split("|")[1].strip() for line in table().splitlines()[2:]]
    assert sorted(codes) == sorted(BY_CODE)
    order = [list(StageName).index(lie(code).boundary) for code in codes]
    assert order == sorted(order)
    assert all(line.count(" | ") == 5 for line in table().splitlines()[2:])


def test_the_table_in_the_docs_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert renew(text) == text, "run: python -m data_checks.registry docs/no-silent-green.md"


def test_a_table_is_renewed_in_place_and_nothing_else_changes() -> None:
    old = f"# Head\n{registry.BEGIN}\n| old |\n{registry.END}\ntail\n"
    assert renew(old) == f"# Head\n{registry.BEGIN}\n{table()}\n{registry.END}\ntail\n"


def test_the_docs_name_every_status() -> None:
    text = DOCUMENT.read_text()
    for word in ("passed", "failed", "not_applicable", "not_enough_history", "could_not_run", "quarantine", "warn"):
        assert word in text
