"""Text and JSON as Postgres can hold them."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb


def storable(value: Any, *, wrap: bool = False) -> Any:
    """Return `value` as Postgres can hold it: U+0000 and half characters become U+FFFD; `wrap` makes dicts JSON."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        clean = {storable_text(str(name)): storable(item) for name, item in value.items()}
        return Jsonb(clean) if wrap else clean
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def storable_text(text: str) -> str:
    """Return text that Postgres and JSON can hold."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # a surrogate without its other half
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
