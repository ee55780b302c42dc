"""Lines of a tox value that count for some environments only: `py{310,311}: ipython`."""

from __future__ import annotations

import itertools
import re

_CONDITION = re.compile(r"^(!?[\w{},.!-]+):\s+(.+)$")
_BRACES = re.compile(r"\{([^{}]*)\}")
_PYTHON = re.compile(r"py(3)\.?(\d{1,2})")


def conditioned(line: str) -> str | None:
    """Return a requirement as it counts for interpreters: a condition on them as a marker; None for another condition.

    `py{310,311,pypy3}: ipython` becomes `ipython; python_version in "3.10 3.11"`. A factor that says anything else (a
    framework's version, another task) holds in an environment that is not ours.
    """
    match = _CONDITION.match(line)
    if match is None:
        return line
    alternatives = (_PYTHON.fullmatch(each) for each in _alternatives(match[1]))
    versions = dict.fromkeys(f"{found[1]}.{found[2]}" for found in alternatives if found)
    if not versions or match[2].startswith("-"):
        return None
    name, _, marker = (part.strip() for part in re.sub(r"\s+#.*$", "", match[2]).partition(";"))
    ours = f'python_version in "{" ".join(versions)}"'
    return f"{name}; {ours} and ({marker})" if marker else f"{name}; {ours}"


def _alternatives(condition: str) -> list[str]:
    """Return what a condition's commas and braces stand for."""
    parts = _BRACES.split(condition)  # text outside and inside of braces, in turn
    if len(parts) > 9:
        return []
    outside, inside = parts[::2], [part.split(",") for part in parts[1::2]]
    marked = "\0".join(outside)  # the commas that are left are between alternatives
    found = []
    taken = 0
    for alternative in marked.split(","):
        holes = alternative.count("\0")
        texts = alternative.split("\0")
        for choice in itertools.product(*inside[taken : taken + holes]):
            pairs = itertools.zip_longest(texts, choice, fillvalue="")
            found.append("".join(itertools.chain.from_iterable(pairs)))
        taken += holes
    return found
