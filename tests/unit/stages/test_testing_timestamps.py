"""A report's own time stamps: which of them tell against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sluice.stages.testing.report import earliest

BEGAN = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("stamps", "found"),
    [
        ([], None),
        (["yesterday", ""], None),
        (["2026-11-28T12:01:00Z"], BEGAN + timedelta(minutes=1)),
        (["2026-11-28T13:01:00+01:00", "2026-11-28T12:02:00Z"], BEGAN + timedelta(minutes=1)),
        # Without a zone: right somewhere on earth, so nothing can be said.
        (["2026-11-28T12:01:00"], None),
        (["2026-11-28T02:01:00", "2026-11-29T01:00:00.123"], None),
        # Wrong in every zone.
        (["2026-11-27T23:59:00"], datetime(2026, 11, 28, 11, 59, tzinfo=UTC)),
        (["2020-01-01T00:00:00"], datetime(2020, 1, 1, 12, tzinfo=UTC)),
        (["2026-11-29T03:00:00"], datetime(2026, 11, 28, 13, tzinfo=UTC)),
        (["2026-11-28T12:01:00", "2020-01-01T00:00:00"], datetime(2020, 1, 1, 12, tzinfo=UTC)),
        (["0001-01-01T00:00:00"], None),
    ],
)
def test_the_earliest_that_tells_something(stamps: list[str], found: datetime | None) -> None:
    assert earliest(stamps, BEGAN, ENDED) == found
