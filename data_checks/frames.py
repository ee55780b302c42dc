"""The words that a contract is written in: frames of a record, expectations on them, parameters.

Nothing here imports Great Expectations; `data_checks.engine` turns these into its objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from data_checks.facts import BoundaryFacts
from sluice.records.common import StageRecord

R = TypeVar("R", bound=StageRecord)
Row = dict[str, object]
Rows = Sequence[Row]


@dataclass(frozen=True)
class Parameter:
    """A value of an expectation that is known only when a record is checked (a suite parameter of GX)."""

    name: str


@dataclass(frozen=True)
class Expect:
    """One expectation on one frame, by its Great Expectations type; kwargs may hold :class:`Parameter`."""

    type: str
    frame: str
    kwargs: Mapping[str, object] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the expectation reads."""
        return tuple(str(self.kwargs[key]) for key in ("column", "column_A", "column_B") if key in self.kwargs)

    @property
    def of_each_row(self) -> Expect:
        """The expectation that names the rows which break this one; aggregates are quicker and name none."""
        aggregates = ("expect_column_min_to_be_between", "expect_column_max_to_be_between")
        values = "expect_column_values_to_be_between"
        return Expect(values, self.frame, self.kwargs) if self.type in aggregates else self


def in_set(frame: str, column: str, values: Sequence[object] | Parameter) -> Expect:
    """Each value of the column is one of `values`."""
    held: object = values if isinstance(values, Parameter) else list(values)
    return Expect("expect_column_values_to_be_in_set", frame, {"column": column, "value_set": held})


def between(
    frame: str, column: str, low: float | Parameter | None = None, high: float | Parameter | None = None
) -> Expect:
    """Each value of the column is at least `low` and at most `high`."""
    return Expect("expect_column_values_to_be_between", frame, {"column": column, "min_value": low, "max_value": high})


def equal(frame: str, left: str, right: str) -> Expect:
    """Both columns hold the same in each row."""
    return Expect("expect_column_pair_values_to_be_equal", frame, {"column_A": left, "column_B": right})


def at_least(frame: str, column: str, low: float) -> Expect:
    """The least value of the column is `low` or more."""
    return Expect("expect_column_min_to_be_between", frame, {"column": column, "min_value": low})


def at_most(frame: str, column: str, high: float) -> Expect:
    """The greatest value of the column is `high` or less."""
    return Expect("expect_column_max_to_be_between", frame, {"column": column, "max_value": high})


def unique(frame: str, column: str) -> Expect:
    """No value of the column comes twice."""
    return Expect("expect_column_values_to_be_unique", frame, {"column": column})


def _one(_record: StageRecord, _facts: BoundaryFacts) -> int:
    return 1


@dataclass(frozen=True)
class Frame(Generic[R]):
    """Rows of a record that expectations look at.

    Attributes:
        name: name within the contract.
        columns: columns of each row, in order; a row has all of them.
        rows: builds the rows; plain values only.
        count: number of rows that there must be, counted another way than by building them.
        empty: why the frame may have no row; "" means that it may not. Expectations on an empty frame are vacuous,
            so its checks are *not applicable* with this reason, or could not run.
    """

    name: str
    columns: tuple[str, ...]
    rows: Callable[[R, BoundaryFacts], Rows]
    count: Callable[[R, BoundaryFacts], int] = _one
    empty: str = ""


def is_null(value: object) -> bool:
    """Tell whether this is no plain value: Great Expectations silently skips nulls, so no check may see one."""
    return not isinstance(value, str | int | float) or (isinstance(value, float) and math.isnan(value))
