"""An XML reader for hostile files: expat, no entities, nothing fetched, every size capped."""

from __future__ import annotations

import codecs
import pyexpat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sluice.results.problems import MAX_ATTRIBUTES, MAX_DEPTH, MAX_VALUE, ReportError, shown
from sluice.results.repair import Repaired

CHUNK = 256 * 1024
_XML_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF16_STARTS = (b"<\0", b"\0<")
_CUT = {3, 5, 6, 20}  # no element found, unclosed token, partial character, unclosed CDATA section
_JUNK, _UNKNOWN_ENCODING, _INCORRECT_ENCODING, _UNDEFINED_ENTITY = 9, 18, 19, 11


class Handler(Protocol):
    """Gets the elements of a document."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""

    def end(self, tag: str) -> None:
        """Take the end of an element."""

    def text(self, data: str) -> None:
        """Take a part of an element's text."""


class Source(Protocol):
    """Bytes of a document."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; none at the end."""


class XmlReader:
    """Feeds one file to a handler.

    Args:
        handler: gets start, end and text.
        noun: what the file should be, for messages ("JUnit XML").
        repair: replace characters that no XML may hold; `repaired` counts them.
    """

    def __init__(self, handler: Handler, noun: str = "XML", *, repair: bool = False) -> None:
        self.repaired = 0
        self._handler = handler
        self._noun = noun
        self._repair = repair
        self._check_values = False
        self._root = ""

    def read(self, path: Path) -> None:
        """Parse the file at `path`.

        Raises:
            ReportError: with the code of the table in docs/reports.md.
        """
        with path.open("rb") as file:
            head = file.read(4096)
            self._sniff(head)
            file.seek(0)
            if not self._repair:
                self._parse(file)
                return
            mended = Repaired(file, head)
            self._parse(mended)
            self.repaired = mended.count

    def _sniff(self, head: bytes) -> None:
        stripped = head
        for bom in _XML_BOMS:
            stripped = stripped.removeprefix(bom)
        if not stripped.strip():
            raise ReportError("REPORT_EMPTY", f"the file is empty; {self._noun} was expected")
        if stripped[:2] in _UTF16_STARTS:
            return
        start = stripped.lstrip()
        if not start.startswith(b"<"):
            raise ReportError("REPORT_NOT_XML", f"starts with {shown(start[:20])}; {self._noun} was expected")
        if start[:14].lower().startswith((b"<!doctype html", b"<html")):
            raise ReportError("REPORT_NOT_XML", f"is an HTML page; {self._noun} was expected")

    def _parser(self) -> pyexpat.XMLParserType:
        parser = pyexpat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 65536
        parser.SetParamEntityParsing(pyexpat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.EntityDeclHandler = _refuse_entity
        parser.UnparsedEntityDeclHandler = _refuse_entity
        parser.ExternalEntityRefHandler = _refuse_external
        parser.SkippedEntityHandler = _refuse_skipped
        parser.StartElementHandler, parser.EndElementHandler = self._elements()
        parser.CharacterDataHandler = self._handler.text
        return parser

    def _elements(self) -> tuple[Callable[[str, dict[str, str]], None], Callable[[str], None]]:
        """Return what expat calls at the begin and the end of an element: closures, as they are called most."""
        depth, start_of, end_of = 0, self._handler.start, self._handler.end

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth == 1:
                self._root = tag
            elif depth > MAX_DEPTH:
                raise ReportError("XML_LIMIT", f"depth > {MAX_DEPTH}")
            if self._check_values or len(attributes) > MAX_ATTRIBUTES:
                _limit(attributes)
            start_of(tag, attributes)

        def end(tag: str) -> None:
            nonlocal depth
            depth -= 1
            end_of(tag)

        return start, end

    def _parse(self, file: Source) -> None:
        parser = self._parser()
        fed = 0
        last = False
        try:
            while not last:
                chunk = file.read(CHUNK)
                last = not chunk
                parser.Parse(chunk, last)
                fed += len(chunk)
                self._limit_token(fed - parser.CurrentByteIndex)
        except pyexpat.ExpatError as error:
            raise self._explain(error, at_end=last) from error
        except (LookupError, ValueError) as error:
            if isinstance(error, ReportError):
                raise
            raise ReportError("XML_ENCODING", f"encoding not supported ({shown(str(error))})") from error

    def _limit_token(self, pending: int) -> None:
        """Stop a single token that never ends: expat before 2.6 reads it again with every chunk."""
        if pending > 2 * MAX_VALUE + CHUNK:
            raise ReportError("XML_LIMIT", "value > 1 MiB in one attribute or comment")
        if pending > MAX_VALUE // 2:
            self._check_values = True

    def _explain(self, error: pyexpat.ExpatError, *, at_end: bool) -> ReportError:
        where = f"line {error.lineno} column {error.offset}"
        reason = pyexpat.ErrorString(error.code)
        if error.code == _JUNK:
            return ReportError("REPORT_JUNK", f"text after </{self._root}>, {where}")
        if at_end and error.code in _CUT:
            return ReportError("REPORT_TRUNCATED", f"{reason}, {where}")
        if error.code in (_UNKNOWN_ENCODING, _INCORRECT_ENCODING):
            return ReportError("XML_ENCODING", f"{reason}, {where}")
        if error.code == _UNDEFINED_ENTITY:
            return ReportError("XML_ENTITY_REFUSED", f"{reason}, {where}")
        return ReportError("XML_NOT_WELL_FORMED", f"{reason}, {where}")


def _limit(attributes: dict[str, str]) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise ReportError("XML_LIMIT", f"attributes > {MAX_ATTRIBUTES} on one element ({len(attributes)})")
    if any(len(value) > MAX_VALUE for value in attributes.values()):
        raise ReportError("XML_LIMIT", "value > 1 MiB in one attribute")


def _refuse_entity(name: str, *_details: object) -> None:
    raise ReportError("XML_ENTITY_REFUSED", f"declares the entity {shown(name)}; entities are not read")


def _refuse_external(_context: object, _base: object, system: str | None, _public: object) -> int:
    raise ReportError("XML_ENTITY_REFUSED", f"refers to {shown(system or '')}; nothing outside the file is read")


def _refuse_skipped(name: str, _is_parameter: object) -> None:
    raise ReportError("XML_ENTITY_REFUSED", f"uses the entity {shown(name)}, which it does not declare")
