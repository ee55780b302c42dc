"""Secret values that this process has read, taken out of all that is logged, in the forms in which programs print them.

A mask is a net under honest mistakes: code that wants to print a secret can always change its form.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

SHORTEST = 8  # characters: a shorter value would be found in text that has nothing to do with it
HIDDEN = "***"
_needles: set[str] = set()
_pattern: re.Pattern[str] | None = None


def learn(values: Iterable[str]) -> None:
    """Hide these values from now on, but for those that are too short for it."""
    global _pattern  # noqa: PLW0603 - of the process: whoever reads a secret cannot know who logs it
    found = {needle for value in values for needle in forms(value)} - _needles
    if found:
        _needles.update(found)
        words = sorted(_needles, key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, words)))


def too_short(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of values that cannot be hidden."""
    return tuple(name for name, value in values.items() if len(value) < SHORTEST)


def hide(text: str) -> str:
    """Return `text` with every known value as `***`."""
    return text if _pattern is None else _pattern.sub(HIDDEN, text)


def forget() -> None:
    """Forget all values: tests learn their own."""
    global _pattern  # noqa: PLW0603 - as above
    _needles.clear()
    _pattern = None


def forms(value: str) -> frozenset[str]:
    """Return the forms of a value that are looked for; none when it is too short."""
    if len(value) < SHORTEST:
        return frozenset()
    found = {value, *(line.strip() for line in value.splitlines())}
    found |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    found |= {html.escape(value), html.escape(value, quote=False), value.replace("'", """'"'"'""")}  # XML, shell
    for quoted in (quote(value), quote(value, safe=""), quote_plus(value)):
        found |= {quoted, re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), quoted)}
    data = value.encode("utf-8", "surrogatepass")
    found |= {data.hex(), data.hex().upper(), *_base64(data)}
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _base64(data: bytes) -> Iterator[str]:
    """Yield what base64 makes of the value wherever in a text it begins, without what its neighbours change."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        first = (0, 2, 3)[before]
        last = len(text) - (0 if (before + len(data)) % 3 == 0 else 1)
        yield text[first:last]
        yield text[first:last].replace("+", "-").replace("/", "_")
