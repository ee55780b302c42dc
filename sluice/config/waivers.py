"""Waivers of checks: a stop is lowered to a warning for a time, never for good and never in silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sluice.config.problems import Path
from sluice.config.shapes import entries
from sluice.errors import quote

LONGEST = timedelta(days=366)
# The codes of all checks; data_checks/registry.py has their meaning, and a test that none is missing here.
CODES = frozenset(
    f"{letter}{number:02}"
    for letter, last in {"C": 9, "T": 17, "B": 9, "S": 8, "D": 9, "K": 6, "R": 5}.items()
    for number in range(1, last + 1)
)


def waiver_problems(data: dict[str, Any], today: date | None = None) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with `waivers`: a code that no boundary knows, one given twice, a date too far away."""
    latest = (today or datetime.now(UTC).date()) + LONGEST
    seen: set[str] = set()
    for index, waiver in enumerate(entries(data.get("waivers"))):
        if not isinstance(waiver, dict):
            continue
        code, path = str(waiver.get("code")), f"waivers[{index}]"
        if "code" in waiver and code not in CODES:
            allowed = "a code of docs/no-silent-green.md, e.g. T02"
            yield ("waivers", index, "code"), f"{path}.code: found {quote(code)}, allowed: {allowed}"
        if code in seen:
            yield ("waivers", index, "code"), f"{path}.code: {code} is waived twice; keep one"
        seen.add(code)
        expires = _day(waiver.get("expires"))
        if expires is not None and expires > latest:
            where: Path = ("waivers", index, "expires")
            yield where, f"{path}.expires: found {expires}, allowed: within a year, {latest} at the latest"


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None  # the field itself says so
