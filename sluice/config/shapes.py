"""Take a shape out of data that others wrote: what has another shape counts as absent."""

from __future__ import annotations

from typing import Any


def table(value: Any, *keys: str) -> dict[str, Any]:
    """Return the mapping below `keys`, empty when there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[Any]:
    """Return the list, empty when it is none."""
    return value if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list; of a text, its lines."""
    if isinstance(value, str):
        value = value.splitlines()
    return tuple(part.strip() for part in entries(value) if isinstance(part, str) and part.strip())
