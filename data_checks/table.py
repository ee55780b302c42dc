"""The rows of a frame as Great Expectations wants them, and where a row has no value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_checks.frames import Rows, is_null

TEXT, WHOLE, FRACTION = ("string",), ("integer", "boolean"), ("floating", "mixed-integer-float")


@dataclass(frozen=True)
class Table:
    """A `pandas.DataFrame`, and the columns in which at least one row has no plain value."""

    frame: Any
    gaps: tuple[str, ...]


def table(rows: Rows, columns: Sequence[str]) -> Table:
    """Return `columns` of the rows; a row that lacks one has a gap there.

    Text and columns with gaps stay objects: pandas would make floats of ints beside a gap, and NaN of None.
    """
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    gaps = []
    for name in columns:
        kind = pd.api.types.infer_dtype(frame[name], skipna=False)
        if kind in TEXT:
            continue
        # What pandas does not know as one plain kind is looked at value by value.
        gap = frame[name].isna().any() if kind in WHOLE + FRACTION else any(is_null(each) for each in frame[name])
        if gap:
            gaps.append(name)
        elif kind in WHOLE + FRACTION:
            frame[name] = frame[name].infer_objects()
    return Table(frame, tuple(gaps))
