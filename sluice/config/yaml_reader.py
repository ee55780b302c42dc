"""Read YAML 1.2 into plain data, keeping the place of every key and value.

Nothing is constructed but text, numbers, true, false, null, lists and mappings; dates and `yes`/`no`/`on` stay text.
Anchors, aliases and merge keys work, up to a limit on what they expand to.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from sluice.config.problems import ConfigFileError, Path, Places, Position, Problem
from sluice.errors import quote

DEPTH = 40  # nested lists and mappings
VALUES = 20_000  # keys and values once aliases are expanded
_TAG = "tag:yaml.org,2002:"
_PLAIN = {_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "map", "seq")}
_DIRECTIVE = re.compile(r"^%\w+", re.MULTILINE)
_WORDS = (
    (re.compile(r"character '\\t'"), "a tab; YAML takes spaces only"),
    (re.compile(r"found character '(.)' that cannot start"), r"text cannot begin with \1 here; put it in quotes"),
    (
        re.compile("mapping values are not allowed here"),
        "a colon where no key can be; put the text in quotes, or indent",
    ),
    (re.compile("maximum depth"), f"nested deeper than {DEPTH} levels"),
    (re.compile("unexpected end of stream"), "a quote that is not closed"),
    (re.compile("undefined alias '(.+)'"), r"alias *\1 has no anchor &\1 above it"),
    (re.compile("another document"), "a second document (---); one is allowed"),
    (re.compile("but got '<stream end>'"), "a bracket that is not closed"),
)


@dataclass(frozen=True)
class Document:
    """Plain data, the places of its parts, and what was wrong without making it unreadable."""

    data: dict[str, Any]
    places: Places
    problems: tuple[Problem, ...]


def read_yaml(text: str, source: str) -> Document:
    """Return the document in `text`.

    Raises:
        ConfigFileError: it is not YAML, empty, not a mapping, or over a limit.
    """
    node = _compose(text, source)
    if node is None:
        _refuse(source, Position(1, 1), "the file is empty; remove it, or write one with `sluice init --force`")
    if not isinstance(node, MappingNode):
        kind = "a list" if isinstance(node, SequenceNode) else quote(node.value)
        _refuse(source, _position(node), f"found {kind}, allowed: keys and values, e.g. `project: my-service`")
    reader = _Reader(source)
    data = reader.mapping(node, ())
    return Document(data, reader.places, tuple(reader.problems))


def _compose(text: str, source: str) -> Node | None:
    directive = _DIRECTIVE.search(text)
    if directive:
        line = text.count("\n", 0, directive.start()) + 1
        _refuse(
            source, Position(line, 1), f"found {quote(directive[0])}; YAML directives are not taken: this is YAML 1.2"
        )
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = DEPTH
    yaml.composer.warn_double_anchors = False
    try:
        node: Node | None = yaml.compose(text)
        return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        _refuse(source, place, f"not valid YAML: {_words(str(error.problem or error.context or 'unreadable'))}")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        _refuse(
            source, Position(line, column), f"not valid YAML: the control character U+{ord(text[error.position]):04X}"
        )
    except YAMLError as error:
        _refuse(source, Position(1, 1), f"not valid YAML: {str(error).splitlines()[0]}")


def _words(problem: str) -> str:
    for pattern, words in _WORDS:
        match = pattern.search(problem)
        if match:
            return match.expand(words)
    return problem


def _position(node: Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _refuse(source: str, position: Position, text: str) -> NoReturn:
    raise ConfigFileError(source, [Problem(position, text)])


class _Reader:
    """Turns nodes into data; a class because every step adds places and problems."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.places = Places()
        self.problems: list[Problem] = []
        self._values = 0

    def value(self, node: Node, path: Path) -> Any:
        self._count(node, path)
        self.places.values.setdefault(path, _position(node))
        if str(node.tag) not in _PLAIN:
            self._problem(
                node, f"the tag {quote(_short(str(node.tag)))} is not taken, allowed: plain text, numbers, lists"
            )
            return None
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(part, (*path, index)) for index, part in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # the only kind that is left
        self.places.written[path] = node.value
        return self._scalar(node)

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first: dict[str, Position] = {}
        for key, value in self._pairs(node, path):
            name = self._key(key)
            if name is None:
                continue
            if name in first:
                self._problem(key, f"duplicate key {quote(name)}, first at line {first[name].line}")
                continue
            first[name] = self.places.keys[(*path, name)] = _position(key)
            result[name] = self.value(value, (*path, name))
        return result

    def _pairs(self, node: MappingNode, path: Path, merges: int = 0) -> list[tuple[Node, Node]]:
        """Return the pairs of a mapping and, after them, what `<<` brings; keys that are written out win."""
        pairs = [pair for pair in node.value if str(pair[0].tag) != _TAG + "merge"]
        seen = {str(key.value) for key, _ in pairs}
        for merge, value in node.value:
            if str(merge.tag) != _TAG + "merge":
                continue
            for part in value.value if isinstance(value, SequenceNode) else [value]:
                self._count(part, (*path, *range(merges)))
                if not isinstance(part, MappingNode):
                    self._problem(merge, "the merge key << takes an alias of a mapping")
                    continue
                brought = [pair for pair in self._pairs(part, path, merges + 1) if str(pair[0].value) not in seen]
                seen |= {str(key.value) for key, _ in brought}
                pairs += brought
        return pairs

    def _key(self, node: Node) -> str | None:
        self._count(node, ())
        if not isinstance(node, ScalarNode) or str(node.tag) == _TAG + "null":
            self._problem(node, "a key must be text")
            return None
        return self._text(node)

    def _scalar(self, node: ScalarNode) -> Any:
        kind, text = str(node.tag).removeprefix(_TAG), node.value
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int":
                return int(text, 0) if text.lower().startswith(("0x", "0o", "0b")) else int(text)
            if kind == "float":
                return self._finite(node, float(text.replace(".inf", "inf").replace(".nan", "nan")))
        except (ValueError, KeyError):
            self._problem(node, f"found {quote(text)}, which is no {kind}")
            return None
        return self._text(node)

    def _finite(self, node: ScalarNode, number: float) -> float | None:
        if math.isfinite(number):
            return number
        self._problem(node, f"found {quote(node.value)}, allowed: a finite number")
        return None

    def _text(self, node: ScalarNode) -> str:
        """Return the text; what no database or environment variable can hold is a problem."""
        text: str = node.value
        bad = next((c for c in text if c == "\0" or "\ud800" <= c <= "\udfff"), None)
        if bad is not None:
            self._problem(node, f"the text holds U+{ord(bad):04X} at {text.index(bad)}, which cannot be stored")
            return text.replace(bad, "�")
        return text

    def _count(self, node: Node, path: Path) -> None:
        self._values += 1
        if self._values > VALUES or len(path) > DEPTH:
            limit = f"{VALUES} values" if self._values > VALUES else f"{DEPTH} levels"
            _refuse(self.source, _position(node), f"the aliases expand to more than {limit}")

    def _problem(self, node: Node, text: str) -> None:
        self.problems.append(Problem(_position(node), text))


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
