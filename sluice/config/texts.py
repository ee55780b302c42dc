"""The forms of text that `sluice.yaml` takes: paths inside the project, requirements, secret references, JSONPath."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

SHELL = re.compile(r"[$`|&;<>(){}*?]")  # what a shell would read, and no program gets as it stands
_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+|block:[a-z0-9][a-z0-9-]*")


def inside_project(value: str) -> str:
    """Return `value` when it is a path or glob that stays inside the project; ValueError otherwise."""
    path = PurePosixPath(value)
    if not value.strip():
        raise ValueError("a path inside the project, e.g. tests/unit")
    if path.is_absolute() or ".." in path.parts or "\\" in value:
        raise ValueError("a path inside the project: relative, with / between the parts and without ..")
    if value.startswith("-"):
        raise ValueError("a path inside the project; one that begins with - would be read as an option (write ./-name)")
    return value


def secret_reference(value: str) -> str:
    """Return `value` when it says where a secret is (and is not the secret itself); ValueError otherwise."""
    if not _SECRET.fullmatch(value):
        raise ValueError("a reference: env:NAME, file:/absolute/path or block:name")
    return value


def json_path(value: str) -> str:
    """Return `value` when it is a JSONPath; ValueError says what is wrong with it."""
    from jsonpath import JSONPathError
    from jsonpath import compile as compile_path

    try:
        compile_path(value)
    except JSONPathError as error:
        raise ValueError(f"a JSONPath such as $.status or $.items[0].name ({str(error).splitlines()[0]})") from error
    if not value.startswith("$"):
        raise ValueError("a JSONPath such as $.status or $.items[0].name; it begins with $")
    return value


def calendar_day(value: str) -> str:
    """Return `value` when it is a real day written YYYY-MM-DD; ValueError otherwise."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("a date written YYYY-MM-DD, e.g. 2027-01-31")
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"a day of the calendar written YYYY-MM-DD ({error})") from error
    return value


def moment(value: str) -> str:
    """Return `value` when it is a time with its zone; ValueError otherwise."""
    try:
        zoned = datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        zoned = False
    if not zoned:
        raise ValueError("a time with its zone, e.g. 2026-12-24T18:00:00+01:00")
    return value


def service_variable(value: str) -> str:
    """Return `value` when a project may set this variable of its service; ValueError for Sluice's own."""
    if value.startswith("SLUICE_"):
        raise ValueError(
            "a name that does not begin with SLUICE_: those say which release answers and are set by Sluice"
        )
    return value


def ref_glob(value: str) -> str:
    """Return `value` when it can match names of branches or tags; ValueError otherwise."""
    if not value or value.startswith(("refs/", "-")) or any(c.isspace() for c in value):
        raise ValueError("a name or glob of branches or tags without refs/ before it, e.g. main or v*")
    return value


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
"""Project or environment: lower case letters, digits and hyphens."""

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
"""Environment variable."""

ServiceVariable = Annotated[Variable, AfterValidator(service_variable)]
"""Environment variable that a project may give to its service."""

HttpPath = Annotated[str, Field(pattern=r"^/\S*$", max_length=2000)]
"""Path of a request, beginning with a slash."""

ProjectPath = Annotated[str, AfterValidator(inside_project)]
"""Path or glob inside the project, relative to its root."""

Requirement = Annotated[str, Field(pattern=r"^[A-Za-z0-9][^\x00-\x1f]*$")]
"""A requirement such as `pytest>=8`; never an option."""

PackageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
"""Name of an extra or of a dependency group."""

_PYTHON = r"^(cpython|pypy)?@?3\.[0-9]{1,2}(\.[0-9]{1,2})?t?$"
PythonVersion = Annotated[
    str,
    Field(pattern=_PYTHON),
    # The loader takes 3.10 without quotes as it is written, so editors may too.
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": _PYTHON}, {"type": "number"}]}),
]
"""Python version such as `3.12`."""

RefGlob = Annotated[str, AfterValidator(ref_glob)]
"""Name or glob of branches or tags; `*` also takes slashes."""

SecretReference = Annotated[str, AfterValidator(secret_reference)]
"""Where a secret is: `env:NAME`, `file:/path` or `block:name`."""

JsonPath = Annotated[str, AfterValidator(json_path)]
"""JSONPath that begins with `$`."""

Moment = Annotated[str, AfterValidator(moment)]
"""Time as text, with its zone."""

Day = Annotated[str, AfterValidator(calendar_day)]
"""Day as text, YYYY-MM-DD."""

PATTERNS = {
    r"^[a-z][a-z0-9-]{0,62}$": "lower-case letters, digits and hyphens, a letter first, at most 63",
    r"^[A-Za-z_][A-Za-z0-9_]{0,127}$": "letters, digits and underscores, no digit first, at most 128",
    r"^[A-Z][0-9]{2}$": "a code of docs/no-silent-green.md, e.g. T02",
    r"^/\S*$": "a path that begins with / and has no spaces",
    r"^[A-Za-z0-9][^\x00-\x1f]*$": "a requirement such as pytest>=8, not an option",
    r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$": "letters, digits, dots, hyphens and underscores",
    _PYTHON: "a Python version such as 3.12",
}
"""The patterns above in words, for messages."""
