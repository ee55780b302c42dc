"""SARIF 2.1.0, the report that most scanners can write, as rows of `findings.csv`."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

from sluice.results.coverage_rows import project_path
from sluice.results.json_reader import parse_json
from sluice.results.problems import MAX_BYTES, ReportError, shown

COLUMNS = ("tool", "kind", "rule", "severity", "score", "title", "path", "line", "context", "url")
VERSION = "2.1.0"
MAX_RUNS, MAX_RESULTS = 20, 25_000  # as GitHub's code scanning has them
MAX_PACKED = 10 << 20
MAX_LINE = 2**31 - 1
TEXT = 2000
SEVERITIES = {"error": "high", "warning": "medium", "note": "low", "none": "low"}
SCORES = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))
NO_PROBLEM = {"pass", "notApplicable", "informational"}
_GZIP = b"\x1f\x8b"


class SarifWriter:
    """Writes findings and counts what is odd about them.

    Args:
        file: gets the rows.
        root: the workspace, cut from paths.
    """

    def __init__(self, file: TextIO, root: str = "") -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._write(COLUMNS)
        self._root = root
        self.tools: list[dict[str, Any]] = []
        self.warnings: dict[str, int] = {}

    def add_run(self, run: dict[str, Any]) -> None:
        """Write the findings of one run of one tool; a run that failed or says nothing proves nothing."""
        driver = _dict(_dict(run.get("tool")).get("driver"))
        name = _text(driver.get("name"))[:100] or "unnamed"
        version = _text(driver.get("semanticVersion") or driver.get("version"))[:100]
        results = run.get("results")
        told: dict[str, Any] = {"name": name, "version": version, "failed": _failure(run)}
        told |= {"findings": 0, "suppressed": 0, "items": len(_list(run.get("artifacts")))}
        self.tools.append(told)
        if not isinstance(results, list):
            told["failed"] = told["failed"] or "it has no list of results, so nothing was looked for"
            return
        if len(results) > MAX_RESULTS:
            raise ReportError("SARIF_LIMIT", f"more results than allowed ({len(results)} > {MAX_RESULTS})")
        rules = _Rules(run)
        for result in map(_dict, results):
            if result.get("kind") in NO_PROBLEM or result.get("baselineState") == "absent":
                continue
            if any(_dict(one).get("status", "accepted") == "accepted" for one in _list(result.get("suppressions"))):
                told["suppressed"] += 1
                continue
            told["findings"] += 1
            self._write(self._row(name, result, rules.of(result)))

    def _row(self, tool: str, result: dict[str, Any], rule: dict[str, Any]) -> tuple[object, ...]:
        name = _text(result.get("ruleId") or _dict(result.get("rule")).get("id") or rule.get("id"))
        if not name:
            self._warn("findings without a rule")
        score = _score(result, rule)
        level = result.get("level") or _dict(rule.get("defaultConfiguration")).get("level") or "warning"
        if level not in SEVERITIES:
            self._warn("unknown levels, taken for errors")
        severity = SEVERITIES.get(level if isinstance(level, str) else "", SEVERITIES["error"])
        if score is not None:
            severity = next(word for least, word in SCORES if score >= least)
        place = _dict(_dict((_list(result.get("locations")) or [None])[0]).get("physicalLocation"))
        region = _dict(place.get("region"))
        title = _message(result, rule)
        tags = _list(_dict(rule.get("properties")).get("tags"))
        kind = "secret" if any("secret" in str(tag).lower() for tag in tags) else "code"
        context = _fingerprint(result) or _text(_dict(region.get("snippet")).get("text")) or title
        url = _text(rule.get("helpUri"))
        return (
            tool,
            kind,
            name[:200] or "unnamed",
            severity,
            "" if score is None else score,
            title[:TEXT],
            self._path(_dict(place.get("artifactLocation"))),
            self._line(region),
            context[:TEXT],
            url[:TEXT] if url.startswith("https://") else "",
        )

    def _path(self, location: dict[str, Any]) -> str:
        """Return the file relative to the project as text, empty when it names none or one outside."""
        uri = _text(location.get("uri"))
        if not uri:
            return ""
        path = unquote(urlsplit(uri).path) if uri.startswith("file:") else unquote(uri)
        found = None if "://" in path else project_path(path, self._root)
        if found is None:
            self._warn("paths outside the project")
        return found or ""

    def _line(self, region: dict[str, Any]) -> object:
        line = region.get("startLine")
        if line is None:
            return ""
        if not isinstance(line, int) or isinstance(line, bool) or not 1 <= line <= MAX_LINE:
            self._warn("lines that are none")
            return ""
        return line

    def _warn(self, what: str) -> None:
        self.warnings[what] = self.warnings.get(what, 0) + 1


def read_sarif(path: Path, writer: SarifWriter) -> None:
    """Read one log file, packed with gzip or not.

    Raises:
        ReportError: `SARIF_VERSION`, `SARIF_FORMAT`, `SARIF_LIMIT`, or a code of the JSON reader.
    """
    document = parse_json(_unpacked(path), "SARIF")
    if not isinstance(document, dict):
        raise ReportError("SARIF_FORMAT", "the document is no object")
    if document.get("version") != VERSION:
        raise ReportError("SARIF_VERSION", f"{shown(str(document.get('version')))}, need {VERSION}")
    runs = document.get("runs")
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise ReportError("SARIF_FORMAT", "it has no list of runs")
    if len(runs) > MAX_RUNS:
        raise ReportError("SARIF_LIMIT", f"more runs than allowed ({len(runs)} > {MAX_RUNS})")
    for run in runs:
        writer.add_run(run)


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(_GZIP):
        return data
    if len(data) > MAX_PACKED:
        raise ReportError("SARIF_LIMIT", f"packed file larger than allowed ({len(data)} > {MAX_PACKED} bytes)")
    try:
        with gzip.open(path) as file:
            data = file.read(MAX_BYTES + 1)
    except EOFError as error:
        raise ReportError("REPORT_TRUNCATED", "the packed file ends in the middle") from error
    except (OSError, zlib.error) as error:
        raise ReportError("SARIF_FORMAT", f"cannot be unpacked: {shown(str(error))}") from error
    if len(data) > MAX_BYTES:
        raise ReportError("SARIF_LIMIT", f"more than {MAX_BYTES} bytes when unpacked")
    return data


class _Rules:
    """The rules of a run: by index and by id, of the driver and of its extensions."""

    def __init__(self, run: dict[str, Any]) -> None:
        tool = _dict(run.get("tool"))
        driver = [_dict(rule) for rule in _list(_dict(tool.get("driver")).get("rules"))]
        more = [_dict(rule) for one in _list(tool.get("extensions")) for rule in _list(_dict(one).get("rules"))]
        self._driver = driver
        self._by_id = {str(rule.get("id")): rule for rule in [*more, *driver]}

    def of(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the rule of a result, an empty one when the file does not describe it."""
        found = self._by_id.get(str(result.get("ruleId") or _dict(result.get("rule")).get("id")))
        index = result.get("ruleIndex")
        if found is None and isinstance(index, int) and 0 <= index < len(self._driver):
            found = self._driver[index]
        return found or {}


def _failure(run: dict[str, Any]) -> str:
    """Return why the tool's own execution failed, empty when it did not say so."""
    for one in map(_dict, _list(run.get("invocations"))):
        if one.get("executionSuccessful") is False:
            notes = [_message(_dict(note), {}) for note in _list(one.get("toolExecutionNotifications"))]
            why = _text(one.get("exitCodeDescription")) or next(filter(None, notes), "")
            return f"its own execution failed{f': {why}' if why else ''}"[:TEXT]
    return ""


def _score(result: dict[str, Any], rule: dict[str, Any]) -> float | None:
    for holder in (result, rule):
        text = _dict(holder.get("properties")).get("security-severity")
        try:
            value = float(text) if isinstance(text, str | int | float) else math.nan
        except ValueError:
            value = math.nan
        if 0 <= value <= 10:
            return value
    return None


def _message(result: dict[str, Any], rule: dict[str, Any]) -> str:
    message = _dict(result.get("message"))
    told = _text(message.get("text") or message.get("markdown"))
    if not told and message.get("id"):
        told = _text(_dict(_dict(rule.get("messageStrings")).get(str(message["id"]))).get("text"))
    for ordinal, argument in enumerate(_list(message.get("arguments"))[:20]):
        told = told.replace(f"{{{ordinal}}}", _text(argument)[:200])
    return told or _text(_dict(rule.get("shortDescription")).get("text")) or _text(rule.get("name"))


def _fingerprint(result: dict[str, Any]) -> str:
    """Return what the tool itself keeps a finding by."""
    for field in ("fingerprints", "partialFingerprints"):
        found = _dict(result.get(field))
        if found:
            return "; ".join(f"{name}={found[name]}" for name in sorted(found))[:TEXT]
    return ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
