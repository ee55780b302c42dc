"""Programs that run beside each other count once."""

from __future__ import annotations

import pytest

from sluice.tally import Tally


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0.0),
        ([(5.0, 6.0)], 1.0),
        ([(5.0, 6.0), (7.0, 9.0)], 3.0),
        ([(5.0, 8.0), (6.0, 7.0)], 3.0),
        ([(6.0, 9.0), (5.0, 7.0), (8.0, 8.5)], 4.0),
    ],
)
def test_seconds_are_those_in_which_at_least_one_ran(spans: list[tuple[float, float]], seconds: float) -> None:
    tally = Tally()
    for began, ended in spans:
        tally.add(began, ended)
    assert tally.seconds == pytest.approx(seconds)
    assert tally.starts == len(spans)
