"""Durations and sizes."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sluice.config.units import Duration, Size

DURATION: TypeAdapter[float] = TypeAdapter(Duration)
SIZE: TypeAdapter[int] = TypeAdapter(Size)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90.0), (0.5, 0.5), ("90s", 90.0), ("250ms", 0.25), ("10m", 600.0), ("1.5h", 5400.0), ("30d", 2592000.0)],
)
def test_durations(written: object, seconds: float) -> None:
    assert DURATION.validate_python(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        0,
        -1,
        "0s",
        "-5s",
        "5 minutes",
        "90",
        "",
        "1h30m",
        "31d",
        True,
        None,
        [],
        float("inf"),
        float("nan"),
        "٣s",
        "1e3s",
    ],
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [(1024, 1024), ("512Mi", 512 * 2**20), ("1Gi", 2**30), ("1.5Gi", 3 * 2**29), ("2G", 2 * 10**9), ("1024", 1024)],
)
def test_sizes(written: object, size: int) -> None:
    assert SIZE.validate_python(written) == size


@pytest.mark.parametrize(
    "written", [0, -1, "1GB", "1 Gi", "", "9" * 400 + "Gi", True, None, [], {}, float("nan"), "-1Mi"]
)
def test_what_is_no_size(written: object) -> None:
    with pytest.raises(ValidationError):
        SIZE.validate_python(written)
