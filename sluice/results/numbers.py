"""Numbers as reports write them; what is not clearly a number is none."""

from __future__ import annotations

import math
import re

# 14,029.255 is one number everywhere; 0,160 and 1,234 are not: they mean two things in two countries.
_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+|\d{1,3}(?:,\d{3})+\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_COUNT = re.compile(r"\d{1,15}", re.ASCII)


def seconds(text: str | None) -> float | None:
    """Return the duration, or None for anything but a finite number of zero or more."""
    if text is None:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():  # most: the pattern takes longer
        value = float(text)
        return value if value < math.inf else None
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text.replace(",", "") if "," in text else text)
    return value if value < math.inf else None


def count(text: str | None) -> int | None:
    """Return a counter's value, None when it is absent or no plain decimal number."""
    return int(text) if text is not None and _COUNT.fullmatch(text) else None
