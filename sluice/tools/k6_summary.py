"""k6's end-of-test summary in its two forms, which say the opposite with their booleans.

What `handleSummary` gets has `values` in each metric and `{ok: true}` for a threshold that holds; `--summary-export`
has the values bare and `true` for a threshold that was *crossed*.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sluice.findings.report import ScannerReportError
from sluice.results.json_reader import parse_json
from sluice.results.problems import ReportError

EXPORTED = {"avg", "min", "med", "max", "count", "rate", "value", "passes", "fails"}
NDJSON_HINT = "; is it the output of `k6 run --out json`? A summary is one document"


class Metric(BaseModel):
    """One metric of the summary; `thresholds` maps an expression to `{ok: true}`."""

    model_config = ConfigDict(frozen=True)

    values: dict[str, float | None]
    thresholds: dict[str, dict[str, bool]] = Field(default_factory=dict)


class State(BaseModel):
    """Of the test run."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    milliseconds: float = Field(alias="testRunDurationMs")


class Summary(BaseModel):
    """What `handleSummary` gets from k6."""

    model_config = ConfigDict(frozen=True)

    metrics: dict[str, Metric]
    state: State


def read_summary(data: bytes) -> Summary:
    """Return the summary in either form; a value that is no finite number is none.

    Raises:
        ScannerReportError: `K6_FORMAT` where the form cannot be told, `SCANNER_REPORT` for what is no summary at all,
            or a code of the JSON reader.
    """
    try:
        document = parse_json(data, "k6's summary")
    except ReportError as error:
        hint = NDJSON_HINT if error.code == "JSON_EXTRA" else ""
        raise ScannerReportError(f"{error.message}{hint}", code=_code(error)) from error
    metrics = document.get("metrics") if isinstance(document, dict) else None
    if not isinstance(metrics, dict) or not all(isinstance(metric, dict) for metric in metrics.values()):
        raise ScannerReportError("the report of k6 cannot be read: it has no metrics", found=str(document)[:80])
    forms = {_form(metric) for metric in metrics.values()}
    if forms == {"exported"}:
        document = {"metrics": {name: _of_export(one) for name, one in metrics.items()}, "state": _state(metrics)}
    elif forms != {"handled"}:
        raise ScannerReportError("can't tell summary-export from handleSummary", code="K6_FORMAT")
    try:
        return Summary.model_validate(_finite(document))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ScannerReportError(f"the report of k6 cannot be read: {first['msg']}", where=where) from error


def _code(error: ReportError) -> str:
    return "SCANNER_REPORT" if error.code.startswith("REPORT_") else error.code


def _form(metric: dict[str, Any]) -> str:
    """Return which form a metric has: `handled`, `exported`, or `unknown`."""
    thresholds = metric.get("thresholds", {})
    kinds = {type(one) for one in thresholds.values()} if isinstance(thresholds, dict) else {str}
    if isinstance(metric.get("values"), dict):
        return "handled" if kinds <= {dict} else "unknown"
    bare = bool(EXPORTED & metric.keys()) or any(name.startswith("p(") for name in metric)
    return "exported" if bare and kinds <= {bool} else "unknown"


def _of_export(metric: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in metric.items() if name != "thresholds"}
    thresholds = {expression: {"ok": not crossed} for expression, crossed in metric.get("thresholds", {}).items()}
    if "value" in values and "rate" not in values and "passes" in values:
        values["rate"] = values.pop("value")  # of a rate metric
    return {"values": values, "thresholds": thresholds}


def _state(metrics: dict[str, Any]) -> dict[str, float]:
    """Return how long the run was: an export says it only by the count and the rate of its requests."""
    counter = metrics.get("http_reqs") or metrics.get("iterations") or {}
    count, rate = counter.get("count"), counter.get("rate")
    if isinstance(count, int | float) and isinstance(rate, int | float) and rate > 0:
        return {"testRunDurationMs": count / rate * 1000}
    return {"testRunDurationMs": 0.0}


def _finite(value: Any) -> Any:
    """Return the document without NaN and infinity: k6 writes them where it had no sample."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return None
    return value
