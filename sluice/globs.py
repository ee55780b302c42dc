"""Globs over paths as people know them from .gitignore-like files: `*` stays in a folder, `**` does not."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def _pattern(glob: str) -> re.Pattern[str]:
    parts = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(word, re.escape(word)) for word in words))


def matches(path: str, glob: str) -> bool:
    """Tell whether a path (with `/`, relative) matches; a glob without `/` matches the name in any folder."""
    if "/" not in glob:
        return _pattern(glob).fullmatch(path.rsplit("/", 1)[-1]) is not None
    return _pattern(glob.removeprefix("/")).fullmatch(path) is not None
