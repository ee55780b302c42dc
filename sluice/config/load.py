"""Load `sluice.yaml`: all of it is right, or every problem is said at once with its line."""

from __future__ import annotations

import copy
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sluice.config.cross_checks import cross_check
from sluice.config.explain import explain
from sluice.config.model import Config
from sluice.config.problems import ConfigFileError, Places, Position, Problem
from sluice.config.yaml_reader import Document, read_yaml
from sluice.errors import ConfigError, quote

FILE_NAME = "sluice.yaml"
MISNAMED = ("sluice.yml", ".sluice.yaml", ".sluice.yml")
SIZE_LIMIT = 1 << 20  # bytes


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration that is right in itself, and where each part of it stands.

    `places.key(path)` and `places.value(path)` give line and column; `source` is None when there was no file.
    """

    config: Config
    places: Places
    source: str | None = FILE_NAME


def load(source: Path | str | bytes, source_name: str | None = None) -> LoadedConfig:
    """Return the configuration in a file (`Path`) or in its text.

    Args:
        source: the file, its text, or its bytes (UTF-8).
        source_name: what messages call it; the file's name by default.

    Raises:
        ConfigError: its message lists every problem, one a line, as `file:line:column what is wrong`.
    """
    name = source_name or (source.name if isinstance(source, Path) else FILE_NAME)
    document = _read(_text(source, name), name)
    problems = list(document.problems)
    config = _validated(document, problems)
    problems += cross_check(document.data, document.places)
    if problems or config is None:
        raise ConfigFileError(name, problems)
    return LoadedConfig(config, document.places, name)


@lru_cache(maxsize=4)
def _read(text: str, name: str) -> Document:
    """Read a text once: a run finds the same one in its mirror and in its tree, 15 ms each time. Nobody changes it."""
    return read_yaml(text, name)


def load_project(directory: Path) -> LoadedConfig:
    """Return the configuration of the project in `directory`; without a `sluice.yaml`, the defaults.

    Raises:
        ConfigError: the file is wrong, or stands under a name that would be overlooked.
    """
    path = directory / FILE_NAME
    if os.path.lexists(path):
        return load(path)
    for wrong in MISNAMED:
        if (directory / wrong).exists():
            raise ConfigError(
                f"found {wrong}, which is not read",
                where=wrong,
                allowed=FILE_NAME,
                next_step=f"Rename it: mv {wrong} {FILE_NAME}",
            )
    return LoadedConfig(Config(), Places(), None)


def _validated(document: Document, problems: list[Problem]) -> Config | None:
    """Return the model of the document; None with `problems` extended when it is wrong."""
    data = document.data
    for _ in range(2):
        try:
            return Config.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            data = copy.deepcopy(data)
            unwritten = [e for e in errors if not _taken_as_written(e["loc"], e["type"], data, document.places)]
            found = {explain(e, document.places) for e in unwritten}
            if len(unwritten) == len(errors):
                break
    problems += found
    return None


def _taken_as_written(loc: tuple[int | str, ...], kind: str, data: Any, places: Places) -> bool:
    """Put the written text where text is wanted and YAML saw a number: `python: [3.10]` is not 3.1.

    Returns whether it did.
    """
    if kind != "string_type" or loc not in places.written:
        return False
    for part in loc[:-1]:
        data = data[part]
    if isinstance(data[loc[-1]], int | float):  # true and false too
        data[loc[-1]] = places.written[loc]
        return True
    return False


def _text(source: Path | str | bytes, name: str) -> str:
    content = _content(source, name) if isinstance(source, Path) else source
    if len(content) > SIZE_LIMIT:
        raise ConfigError(f"{name} is too large", found=f"{len(content)} bytes", allowed=f"{SIZE_LIMIT} bytes")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        what = f"found the byte 0x{content[error.start]:02x}, which is not UTF-8; save the file as UTF-8"
        raise ConfigFileError(name, [Problem(Position(line, column), what)]) from error


def _content(path: Path, name: str) -> bytes:
    """Return at most one byte more than is allowed; only of a regular file inside its directory."""
    try:
        target = path.resolve(strict=True)
        if not stat.S_ISREG(target.stat().st_mode) or not target.is_relative_to(path.parent.resolve()):
            raise ConfigError(f"{name} is not a regular file inside the project", found=target, next_step="Replace it.")
        size = target.stat().st_size
        if size > SIZE_LIMIT:
            raise ConfigError(f"{name} is too large", found=f"{size} bytes", allowed=f"{SIZE_LIMIT} bytes")
        with target.open("rb") as file:
            return file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(
            f"{name} cannot be read: {error.strerror}", where=str(path), found=quote(path.name)
        ) from error
