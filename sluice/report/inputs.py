"""What changed between the inputs of two stage runs, in the words of the person who changed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.globs import matches
from sluice.report.words import several, short
from sluice.states import StageName
from sluice.store.key_rows import KeyedStage

SHOWN_FILES = 5
VALUE_LIMIT = 80  # characters of a value that is shown
SECTIONS = {StageName.TEST: "test", StageName.BUILD: "build", StageName.SCAN: "scan"}
NOT_IN_KEY = {StageName.TEST: ("matrix",), StageName.BUILD: ("timeout",)}
Diff = Callable[[str, str, str], "Sequence[str] | None"]  # mirror, commit, commit → paths; None: cannot be told


@dataclass(frozen=True)
class InputChange:
    """A part of a key that is not what it was; `details` say how, `files` which."""

    name: str
    details: tuple[str, ...]
    files: tuple[str, ...] = ()


def changes(stage: StageName, before: tuple[KeyedStage, dict[str, str]], after: tuple[KeyedStage, dict[str, str]],
            diff: Diff) -> tuple[InputChange, ...]:  # fmt: skip
    """Return the parts that differ, the source first."""
    (old, was), (new, now) = before, after
    names = sorted((was.keys() | now.keys()), key=lambda name: (name != "source", name))
    return tuple(
        _change(stage, name, (old, was.get(name)), (new, now.get(name)), diff)
        for name in names
        if was.get(name) != now.get(name)
    )


def _change(
    stage: StageName, name: str, before: tuple[KeyedStage, str | None], after: tuple[KeyedStage, str | None], diff: Diff
) -> InputChange:
    if name == "source":
        return _source(before[0], after[0], diff)
    if name == "config":
        return InputChange("config", tuple(_config(stage, before, after)))
    return InputChange(name, (f"{_value(before[1])} → {_value(after[1])}",))


def _source(old: KeyedStage, new: KeyedStage, diff: Diff) -> InputChange:
    details = list(
        differing_keys("unaffected_by", old.config.get("unaffected_by", []), new.config.get("unaffected_by", []))
    )
    files, _ignored = changed_files(old, new, diff)
    if files:
        details.insert(0, files_in_words(files))
    return InputChange("source", tuple(details) or ("other files; git can no longer say which",), files)


def files_in_words(files: Sequence[str]) -> str:
    """Return `3 files: src/a.py, src/b.py, …`."""
    more = ", …" if len(files) > SHOWN_FILES else ""
    return f"{several(len(files), 'file')}: {', '.join(files[:SHOWN_FILES])}{more}"


def changed_files(old: KeyedStage, new: KeyedStage, diff: Diff) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files that count and differ between two runs, and those that `unaffected_by` leaves out."""
    mirror = new.mirror or old.mirror
    if not (mirror and old.commit and new.commit) or old.commit == new.commit:
        return (), ()
    globs = new.config.get("unaffected_by", [])
    found = diff(mirror, old.commit, new.commit) or ()
    left_out = tuple(path for path in found if any(matches(path, glob) for glob in globs))
    return tuple(path for path in found if path not in left_out), left_out


def _config(
    stage: StageName, before: tuple[KeyedStage, str | None], after: tuple[KeyedStage, str | None]
) -> Iterator[str]:
    """Yield the keys of sluice.yaml that differ: the scan's part is the section itself, the others' a digest of it."""
    section = SECTIONS.get(stage, "")
    told = [_section(section, each, stage) for each in (before, after)]
    found = [line for line in differing_keys(section, *told) if line]
    yield from found or [f"{section or 'another'} section of sluice.yaml"]


def _section(section: str, side: tuple[KeyedStage, str | None], stage: StageName) -> Any:
    run, part = side
    if part is not None and part.startswith("{"):
        return json.loads(part)
    known = run.config.get(section) or {}
    return {name: value for name, value in known.items() if name not in NOT_IN_KEY.get(stage, ())}


def differing_keys(path: str, before: Any, after: Any) -> Iterator[str]:
    """Yield `test.args: [] → ["-x"]`, a line a key that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from differing_keys(f"{path}.{name}", before.get(name), after.get(name))
    elif before != after:
        yield f"{path}: {_value(_text(before))} → {_value(_text(after))}"


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _value(value: str | None) -> str:
    if not value:
        return "(nothing)"
    shown = short(value)
    return shown if len(shown) <= VALUE_LIMIT else shown[: VALUE_LIMIT - 1] + "…"
