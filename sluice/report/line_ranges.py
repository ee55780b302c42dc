"""Line numbers as `3,7-9`: what a change wrote, what tests reached."""

from __future__ import annotations

from collections.abc import Iterable

MAX_LINE = 10_000_000


def numbers(text: str | None) -> set[int]:
    """Return the numbers of `3,7-9`; a range that was cut at its end is left out."""
    found: set[int] = set()
    for part in filter(None, (text or "").split(",")):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and int(last or first) <= MAX_LINE:
            found.update(range(int(first), int(last or first) + 1))
    return found


def ranges(lines: Iterable[int]) -> str:
    """Return numbers as `3,7-9`."""
    parts: list[list[int]] = []
    for line in sorted(set(lines)):
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
