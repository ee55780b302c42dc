"""What is usual: a robust range with floors, and no baseline that is not a number."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from tests.factories import baseline


def test_the_range_is_median_and_three_spreads() -> None:
    assert baseline("m", 100, mad=10).usual() == (pytest.approx(55.522), pytest.approx(144.478))


@pytest.mark.parametrize(
    ("floors", "margin"),
    [({"relative": 0.1}, 10), ({"absolute": 3}, 3), ({"relative": 0.1, "absolute": 30}, 30), ({}, 0)],
)
def test_what_never_moved_has_the_greater_floor(floors: dict[str, float], margin: float) -> None:
    assert baseline("m", 100).usual(**floors) == (100 - margin, 100 + margin)


def test_a_wide_spread_outweighs_the_floors() -> None:
    low, high = baseline("m", 100, mad=20).usual(relative=0.1, absolute=5, spreads=2)
    assert (low, high) == (pytest.approx(40.696), pytest.approx(159.304))


@pytest.mark.parametrize(("samples", "enough"), [(1, False), (4, False), (5, True)])
def test_five_runs_are_enough(samples: int, enough: bool) -> None:
    assert baseline("m", 1, samples=samples).is_enough is enough


@pytest.mark.parametrize("wrong", [{"median": math.nan}, {"mad": -1.0}, {"mad": math.inf}, {"samples": 0}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        baseline(**{"metric": "m", "median": 1.0, **wrong})  # type: ignore[arg-type]
