"""The identity of a test: the same in each run, whatever the order of the report and the machine."""

from __future__ import annotations

import hashlib
import re

from sluice.results.cases import case_id

# `name[1-a]` of pytest, `name(int)[2]` of JUnit, `Name(1,2)` of NUnit; no such sign stands in the name itself.
_PARAMETERS = re.compile(r"^([^\[({]+)(\[.*\]|\(.+\)(?:\[.*\])?)$", re.DOTALL)
_DATA_SET = re.compile(r"^(.+?) with data set (.+)$", re.DOTALL)


ID_BYTES = 2000  # an index of Postgres refuses more than 2,704


def stored_id(classname: str, name: str) -> str:
    """Return `classname::name` as an index can hold it; the SHA-256 of a longer one keeps it unique."""
    text = case_id(classname, name)
    if len(text) <= ID_BYTES // 4:
        return text
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= ID_BYTES:
        return text
    return f"{data[: ID_BYTES - 72].decode('utf-8', 'ignore')}…#{hashlib.sha256(data).hexdigest()}"


def split_name(name: str) -> tuple[str, str]:
    """Return a test's name and its parameters, empty for none. `adds()` has none."""
    match = _PARAMETERS.match(name) or _DATA_SET.match(name)
    if match is None:
        return name, ""
    found = match[2]
    whole = found.startswith(("[", "(")) and (found[0], found[-1]) in (("[", "]"), ("(", ")"))
    return match[1].rstrip(), found[1:-1] if whole and "](" not in found and ")[" not in found else found


def key_of_test(project_id: int, suite: str, file: str, classname: str, name: str, occurrence: str) -> str:
    """Return the key of a test, as the hex digits of a UUID.

    What is called the same in one report is kept apart by `occurrence`; a test whose file, class or suite is called
    another name is another test.
    """
    text = f"{project_id}\x1f{suite}\x1f{file}\x1f{classname}\x1f{name}\x1f{occurrence}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
