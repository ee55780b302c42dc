"""k6: a short load with thresholds.

k6 exits 0 when every iteration throws, when no request was made, and when a threshold had no sample; so its figures
are read, not its exit code alone. The names in its summary mislead once: `passes` of `http_req_failed` are failures.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from sluice import command
from sluice.command import LineSink
from sluice.config.smoke import LoadConfig
from sluice.findings.report import ScannerReportError
from sluice.records.common import ToolUse
from sluice.records.smoke import Load, Threshold
from sluice.tools.k6_summary import Summary, read_summary
from sluice.tools.programs import clean_environment

NAME = "k6"
VERSION = ("version",)
THRESHOLDS = 2  # error rate and p95
CROSSED = 99
THINK_SECONDS = 0.02  # of a user between two requests: the load asks, it does not flood
SHORTEST_SECONDS = 1.0  # k6 refuses a shorter load
START_SECONDS = 30.0  # for k6 itself, beside the load
SCRIPT = """\
import http from 'k6/http';
import { sleep } from 'k6';

const plan = %s;

export const options = plan.options;

export default function () {
  http.get(plan.url, plan.request);
  sleep(plan.think);
}

export function handleSummary(data) {
  return { [plan.summary]: JSON.stringify(data) };
}
"""


def run_load(
    program: Path, version: str, address: str, config: LoadConfig, folder: Path, log: LineSink
) -> tuple[Load, ToolUse]:
    """Put a load on `address` and return its figures.

    Args:
        program: k6.
        version: its version, for the record.
        address: URL of the environment.
        config: path, users, duration and limits.
        folder: where script and summary are written.
        log: gets the command and its output.

    Raises:
        CommandError: k6 did not run the load to its end.
        ScannerReportError: no summary, or one that contradicts itself or the exit code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script, summary, settings = folder / "load.js", folder / "summary.json", folder / "k6.json"
    summary.unlink(missing_ok=True)
    script.write_text(render(address, config, summary))
    settings.write_text("{}\n")
    words: list[str | Path] = [program, "run", "--quiet", "--no-color", "--no-usage-report", "--address=", "--config"]
    words += [settings, "--include-system-env-vars=false", script]
    environment = {**clean_environment("K6_"), "NO_PROXY": "*", "no_proxy": "*"}
    limit = config.duration + 2 * patience(config) + START_SECONDS
    done = command.run(words, cwd=folder, env=environment, timeout=limit, log=log, merge=True, accept=(0, CROSSED))
    data = summary.read_bytes() if summary.is_file() else b""
    load = load_of(read_summary(data), config)
    crossed = any(not threshold.passed for threshold in load.thresholds)
    if done.exit_code == CROSSED and not crossed:
        raise ScannerReportError("k6 says that a threshold was crossed, and its summary does not", found=done.tail(1))
    return load, ToolUse(name=NAME, version=version, exit_code=done.exit_code, seconds=done.seconds)


def patience(config: LoadConfig) -> float:
    """Return how long one request of the load may take, in seconds."""
    return min(max(2 * config.max_p95, 1.0), 30.0)


def expressions(config: LoadConfig) -> dict[str, str]:
    """Return the thresholds in k6's words: metric to expression."""
    return {
        "http_req_failed": f"rate<={config.max_error_rate:g}",
        "http_req_duration": f"p(95)<={config.max_p95 * 1000:g}",
    }


def render(address: str, config: LoadConfig, summary: Path) -> str:
    """Return the script; every value is in it as JSON, none as code."""
    wait = patience(config)
    scenario = {
        "executor": "constant-vus",
        "vus": config.users,
        "duration": f"{math.ceil(max(config.duration, SHORTEST_SECONDS) * 1000)}ms",
        "gracefulStop": f"{math.ceil(wait * 1000) + 500}ms",  # a request that hangs ends as a failure, not unseen
    }
    plan: dict[str, Any] = {
        "url": address.rstrip("/") + config.path,
        "think": THINK_SECONDS,
        "summary": str(summary),
        "request": {
            "timeout": f"{math.ceil(wait * 1000)}ms",
            "redirects": 0,  # the load never leaves the environment
            "headers": {"Cache-Control": "no-cache", "User-Agent": "sluice-load"},
        },
        "options": {
            "scenarios": {"load": scenario},
            "thresholds": {metric: [expression] for metric, expression in expressions(config).items()},
            "summaryTrendStats": ["avg", "min", "med", "max", "p(95)", "p(99)", "count"],
            "discardResponseBodies": True,
        },
    }
    return SCRIPT % json.dumps(plan, ensure_ascii=True)


def load_of(summary: Summary, config: LoadConfig) -> Load:
    """Return the figures of a summary; a threshold without samples has not passed.

    Raises:
        ScannerReportError: the counters disagree.
    """
    requests = _count(summary, "http_reqs", "count")
    bad, good = _count(summary, "http_req_failed", "passes"), _count(summary, "http_req_failed", "fails")
    if bad + good != requests:
        raise ScannerReportError("the summary of k6 contradicts itself", found=f"{requests} requests, {bad} + {good}")
    samples = {"http_req_failed": bad + good, "http_req_duration": _count(summary, "http_req_duration", "count")}
    observed = {"http_req_failed": _value(summary, "http_req_failed", "rate") if requests else None}
    observed["http_req_duration"] = _value(summary, "http_req_duration", "p(95)")
    thresholds = tuple(
        Threshold(
            metric=metric,
            expression=expression,
            passed=samples[metric] > 0 and _ok(summary, metric, expression),
            samples=samples[metric],
            observed=observed[metric] if samples[metric] else None,
        )
        for metric, expression in expressions(config).items()
    )
    p50, p95, p99 = (
        _seconds(_value(summary, "http_req_duration", name)) if requests else None for name in ("med", "p(95)", "p(99)")
    )
    seconds = summary.state.milliseconds / 1000
    return Load(
        requests=requests,
        failed=bad,
        rate=requests / seconds if seconds > 0 else 0.0,
        p50_seconds=p50,
        p95_seconds=p95,
        p99_seconds=p99,
        seconds=seconds,
        thresholds=thresholds,
    )


def _value(summary: Summary, metric: str, name: str) -> float | None:
    found = summary.metrics[metric].values.get(name) if metric in summary.metrics else None
    return found if found is not None and math.isfinite(found) else None


def _count(summary: Summary, metric: str, name: str) -> int:
    return int(_value(summary, metric, name) or 0)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _ok(summary: Summary, metric: str, expression: str) -> bool:
    return summary.metrics[metric].thresholds.get(expression, {}).get("ok") is True
