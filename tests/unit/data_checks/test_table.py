"""Rows become a table without a value changing, and no gap gets past it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from data_checks.table import table


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", ""], "object"),
        ([1, 2**40], "int64"),
        ([1, 2.5], "float64"),
        ([0.5, 1.5], "float64"),
        ([True, False], "bool"),
        ([1, "a"], "object"),
        ([2**80, 1], "object"),
    ],
)
def test_plain_values_stay_what_they_are(values: list[Any], kind: str) -> None:
    held = table([{"x": value, "unread": None} for value in values], ["x"])
    assert held.gaps == ()
    assert (list(held.frame["x"]), str(held.frame["x"].dtype), list(held.frame)) == (values, kind, ["x"])


@pytest.mark.parametrize("gap", [None, float("nan"), ["a"], {"a": 1}, datetime(2026, 1, 1, tzinfo=UTC), b"a"])
@pytest.mark.parametrize("value", ["a", 1, 1.5, True, 2**80])
def test_whatever_is_no_plain_value_is_a_gap(value: object, gap: object) -> None:
    held = table([{"x": value}, {"x": gap}, {"x": value}], ["x"])
    assert held.gaps == ("x",)
    assert type(held.frame["x"][0]) is type(value) or isinstance(gap, float)


def test_a_row_that_lacks_a_column_has_a_gap_there() -> None:
    assert table([{"x": 1, "y": 1}, {"x": 2}], ["x", "y"]).gaps == ("y",)
