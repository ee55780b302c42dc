"""Durations and sizes as people write them in `sluice.yaml`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>Ki|Mi|Gi|k|M|G)?", re.ASCII)
DURATION = "a number of seconds or text like 30s, 10m, 1h"
SIZE = "a number of bytes or text like 512Mi, 1Gi"
LONGEST = 30 * 86400.0  # seconds; beyond it no operating system timer is sure
LARGEST = 2**60  # bytes
_BYTES = {None: 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def parse_duration(value: object) -> float:
    """Return seconds for `90`, `"90s"`, `"10m"`, `"1.5h"`; ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(DURATION)
    if isinstance(value, int | float):
        return float(value)
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(DURATION)
    return float(match["number"]) * _SECONDS[match["unit"]]


def parse_size(value: object) -> int:
    """Return bytes for `1048576`, `"512Mi"`, `"1Gi"`, `"2G"`; ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(SIZE)
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(SIZE)
    size = float(match["number"]) * _BYTES[match["unit"]]
    if size > LARGEST:  # float("9" * 400) is infinite, which int() refuses by OverflowError
        raise ValueError(f"{SIZE}, at most 1 EiB")
    return int(size)


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(gt=0, le=LONGEST, allow_inf_nan=False),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$"},
            ]
        }
    ),
]
"""Seconds: more than zero, at most 30 days."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Field(gt=0),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?(Ki|Mi|Gi|k|M|G)?$"},
            ]
        }
    ),
]
"""Bytes, more than zero."""
