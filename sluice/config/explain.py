"""Say in plain words, at the right line, what pydantic found wrong."""

from __future__ import annotations

import difflib
import json
import re
import shlex
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sluice.config.declared import Declared
from sluice.config.model import Config
from sluice.config.problems import Path, Places, Problem
from sluice.config.texts import PATTERNS, SHELL
from sluice.config.units import DURATION, LONGEST
from sluice.errors import quote

_MAPPING = "keys and values; {} takes the defaults"
_PLAIN = {"string_type": "text", "bool_type": "true or false", "dict_type": _MAPPING, "model_type": _MAPPING}
_PLAIN |= {"finite_number": "a finite number", "bool_parsing": "true or false"}
_WHOLE = ("int_type", "int_parsing", "int_from_float", "int_parsing_size")
_NUMBER = ("float_type", "float_parsing")
_BOUND = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


def explain(error: ErrorDetails, places: Places) -> Problem:
    """Return one pydantic error as a problem: place, what was found, what is allowed."""
    path = _known(error["loc"], places)
    if error["type"] == "extra_forbidden":
        return Problem(places.key(path), unknown_key(str(path[-1]), keys_at(path[:-1]), path[:-1]))
    if error["type"] == "missing":
        field = field_at((*path, error["loc"][-1]))
        what = f" ({field.description.rstrip('.')})" if field and field.description else ""
        return Problem(places.key(path), f"{dotted(path)}: key {quote(error['loc'][-1])} is missing{what}")
    if error["loc"] and error["loc"][-1] == "[key]":
        return Problem(
            places.key(path), f"{dotted(path[:-1])}: key {quote(path[-1])}, allowed: {_allowed(error, path)}"
        )
    found = _found(error["input"], path, places)
    if len(path) < len(error["loc"]):  # pydantic tells a union one error a member, by a longer location
        return Problem(places.value(path), f"{dotted(path)}: found {found}, allowed: text, a number, true, false")
    return Problem(places.value(path), f"{dotted(path)}: found {found}, allowed: {_allowed(error, path)}")


def unknown_key(name: str, known: list[str], path: Path) -> str:
    """Return what to say about a key that nobody knows: what was meant, or what is allowed."""
    meant = difflib.get_close_matches(name, known, n=1, cutoff=0.65)
    if meant:
        return f"unknown key {quote(name)} (did you mean {quote(meant[0])}?)"
    elsewhere = next((place for place, keys in _everywhere() if name in keys), None)
    if elsewhere is not None:
        return f"unknown key {quote(name)} in {dotted(path)}; it belongs to {dotted(elsewhere)}"
    return f"unknown key {quote(name)} in {dotted(path)}, allowed: {', '.join(known)}"


def dotted(path: Path) -> str:
    """Return a path as people write it: `deploy[0].to`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the document"


def keys_at(path: Path) -> list[str]:
    """Return the keys that are known at `path`."""
    model = _model_at(path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def field_at(path: Path) -> FieldInfo | None:
    """Return the field that `path` names, None inside free mappings."""
    model = _model_at(path[:-1])
    if model is None or not path:
        return None
    return next((f for name, f in model.model_fields.items() if (f.alias or name) == path[-1]), None)


def _model_at(path: Path) -> type[Declared] | None:
    """Follow `path` through the model's annotations."""
    here: Any = Config
    for part in path:
        if isinstance(here, type) and issubclass(here, Declared):
            field = next((f for name, f in here.model_fields.items() if (f.alias or name) == part), None)
            here = _stripped(field.annotation) if field else None
        else:
            arguments = [a for a in typing.get_args(here) if a is not Ellipsis]
            here = _stripped(arguments[-1]) if arguments else None
    return here if isinstance(here, type) and issubclass(here, Declared) else None


def _stripped(annotation: Any) -> Any:
    """Return the annotation without `Annotated` and `| None`."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        rest = [a for a in typing.get_args(annotation) if a is not types.NoneType]
        return _stripped(rest[0]) if len(rest) == 1 else annotation
    return annotation


def _everywhere() -> list[tuple[Path, list[str]]]:
    sections: list[Path] = [
        (),
        ("test",),
        ("test", "matrix"),
        ("test", "coverage"),
        ("build",),
        ("scan",),
        ("service",),
    ]
    sections += [("smoke",), ("smoke", "load"), ("smoke", "version"), ("environments", "<name>")]
    return [(path, keys_at(path)) for path in sections]


def _known(loc: tuple[int | str, ...], places: Places) -> Path:
    """Return the part of pydantic's location that stands in the document (unions and keys add parts of their own)."""
    path: Path = tuple(loc)
    while path and path not in places.values:
        path = path[:-1]
    return path


def _found(value: object, path: Path, places: Places) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "keys and values"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if "secrets" in path:
        return "something else"  # perhaps the secret itself, which no message may show
    return quote(places.written.get(path, value))


def _allowed(error: ErrorDetails, path: Path) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _WHOLE or kind in _NUMBER or kind in _BOUND:
        return _range(path, context, kind)
    return _OTHERS[kind](error) if kind in _OTHERS else error["msg"]


def _range(path: Path, context: Mapping[str, Any], kind: str) -> str:
    """Return what a number may be, from its field, else from the error."""
    field = field_at(path)
    if field and Le(LONGEST) in field.metadata:
        return f"{DURATION}, more than 0, at most 30 days"
    whole = kind in _WHOLE or (field is not None and _stripped(field.annotation) is int)
    bounds = {type(part): part for part in field.metadata} if field else {}
    low, high, above = bounds.get(Ge), bounds.get(Le), bounds.get(Gt)
    words = [f"from {low.ge}"] if isinstance(low, Ge) else []
    words += [f"more than {above.gt}"] if isinstance(above, Gt) else []
    words += [f"up to {high.le}"] if isinstance(high, Le) else []
    if not words and kind in _BOUND:
        words = [f"{kind.replace('_', ' ')} {next(iter(context.values()))}"]
    return " ".join(["a whole number" if whole else "a number", *words])


def _list(error: ErrorDetails) -> str:
    if isinstance(error["input"], str) and error["input"].strip():
        try:
            words = shlex.split(error["input"])
        except ValueError:
            return "a list of words, e.g. [python, -m, pytest]"
        if SHELL.search(error["input"].replace("{port}", "")):
            return f"a list of words, as no shell reads it; with one: [sh, -c, {json.dumps(error['input'])}]"
        return f"a list of words: [{', '.join(words)}]"
    return "a list"


def _literal(error: ErrorDetails) -> str:
    expected = str(error["ctx"]["expected"])
    meant = difflib.get_close_matches(str(error["input"]), re.findall(r"'(.*?)'", expected), n=1)
    return f"{expected} (did you mean {quote(meant[0])}?)" if meant else expected


def _pattern(error: ErrorDetails) -> str:
    pattern = str(error["ctx"]["pattern"])
    return PATTERNS.get(pattern, f"text that matches {pattern}")


_OTHERS: dict[str, Callable[[ErrorDetails], str]] = {
    "tuple_type": _list,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "value_error": lambda e: str(e["ctx"]["error"]),
    "string_too_short": lambda e: f"at least {e['ctx']['min_length']} characters",
    "string_too_long": lambda e: f"at most {e['ctx']['max_length']} characters",
    "too_short": lambda e: f"at least {e['ctx']['min_length']} entry",
}
