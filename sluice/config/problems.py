"""What can be wrong in `sluice.yaml`, with the place of each problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sluice.errors import ConfigError

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the top of the document, e.g. `("deploy", 0, "to")`."""

SHOWN = 50  # problems; more would hide the first


@dataclass(frozen=True, order=True)
class Position:
    """Line and column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, and where."""

    position: Position
    text: str


@dataclass
class Places:
    """Where each key and each value of a document stands, and how each scalar was written."""

    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)

    def key(self, path: Path) -> Position:
        """Return where the key of `path` stands; of a list entry, the entry; of the unknown, what is nearest above."""
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Position(1, 1)

    def value(self, path: Path) -> Position:
        """Return where the value of `path` stands, or what is nearest above."""
        return self.values.get(path) or self.key(path)


class ConfigFileError(ConfigError):
    """Every problem of one configuration file, one a line, in the order of the file."""

    next_step = "Every key: `sluice schema` and docs/sluice-yaml.md."

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(set(problems)))
        lines = [f"{source}:{p.position.line}:{p.position.column} {p.text}" for p in self.problems]
        super().__init__("\n".join(lines))

    def __str__(self) -> str:
        """Return `CONFIG: file:line:column what is wrong`, one line a problem, then what to do."""
        lines = [f"{self.code}: {line}" for line in self.message.splitlines()[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"{self.code}: … and {len(self.problems) - SHOWN} more")
        return "\n".join([*lines, self.next_step])
