"""A JSON reader for hostile files: UTF-8, one document, errors with line and column."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from sluice.results.problems import ReportError, shown

_UTF16_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def read_json(path: Path, noun: str = "JSON") -> Any:
    """Return the document in the file; its size is the caller's matter.

    Raises:
        ReportError: `REPORT_EMPTY`, `REPORT_NOT_JSON`, `REPORT_TRUNCATED`, `JSON_EXTRA`, `JSON_ENCODING`, `JSON_LIMIT`
            or `JSON_NUMBER`.
    """
    return parse_json(path.read_bytes(), noun)


def parse_json(data: bytes, noun: str = "JSON") -> Any:
    """Return the document in `data`; see :func:`read_json`."""
    text = _decode(data, noun)
    if not text.strip():
        raise ReportError("REPORT_EMPTY", f"the file is empty; {noun} was expected")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ReportError("JSON_LIMIT", "nested too deeply") from error
    except json.JSONDecodeError as error:
        raise _explain(error, text, noun) from error
    except ValueError as error:  # an integer of more digits than Python reads
        raise ReportError("JSON_NUMBER", shown(str(error))) from error


def _decode(data: bytes, noun: str) -> str:
    if data.startswith(_UTF16_32) or b"\0" in data[:4]:
        raise ReportError("JSON_ENCODING", f"looks like UTF-16 or UTF-32; {noun} is UTF-8")
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        raise ReportError("JSON_ENCODING", f"invalid byte at line {line} column {column}; {noun} is UTF-8") from error


def _explain(error: json.JSONDecodeError, text: str, noun: str) -> ReportError:
    where = f"line {error.lineno} column {error.colno}"
    if error.msg == "Extra data":
        return ReportError("JSON_EXTRA", f"text after the document, {where}; one {noun} document was expected")
    if not text.lstrip().startswith(("{", "[")):
        return ReportError("REPORT_NOT_JSON", f"starts with {shown(text.lstrip()[:20])}; {noun} was expected")
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return ReportError("REPORT_TRUNCATED", f"the file ends in the middle, {where}")
    return ReportError("REPORT_NOT_JSON", f"{error.msg}, {where}")
