"""k6's script and summary: values never become code, and a load that proves nothing does not pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sluice.config.smoke import LoadConfig
from sluice.findings.report import ScannerReportError
from sluice.tools import k6
from sluice.tools.k6_summary import read_summary

CONFIG = LoadConfig(max_error_rate=0.01, max_p95=0.5)
FAILED, SLOW = "rate<=0.01", "p(95)<=500"


def summary(
    requests: int = 100, bad: int = 0, *, ok: bool = True, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    times = {"med": 10.0, "p(95)": 20.5, "p(99)": 30.0, "count": requests}
    return {
        "metrics": {
            "http_reqs": {"values": {"count": requests, "rate": requests / 2}},
            "http_req_failed": {
                "values": {"rate": bad / requests if requests else 0, "passes": bad, "fails": requests - bad},
                "thresholds": {FAILED: {"ok": ok}},
            },
            "http_req_duration": {"values": times if values is None else values, "thresholds": {SLOW: {"ok": ok}}},
        },
        "state": {"testRunDurationMs": 2000.0},
    }


def load(data: dict[str, Any]) -> k6.Load:
    return k6.load_of(read_summary(json.dumps(data).encode()), CONFIG)


def test_the_figures_of_a_good_load() -> None:
    found = load(summary(100, 1))
    assert (found.requests, found.failed, found.rate, found.seconds) == (100, 1, 50.0, 2.0)
    assert (found.p50_seconds, found.p95_seconds, found.p99_seconds) == (0.01, 0.0205, 0.03)
    assert [(t.metric, t.expression, t.passed, t.samples, t.observed) for t in found.thresholds] == [
        ("http_req_failed", FAILED, True, 100, 0.01),
        ("http_req_duration", SLOW, True, 100, 20.5),
    ]


def test_passes_of_failed_requests_are_failures() -> None:
    assert load(summary(100, 100, ok=False)).failed == 100


def test_no_request_passes_no_threshold_whatever_k6_says() -> None:
    found = load(summary(0, values={}))
    assert [(t.passed, t.samples, t.observed) for t in found.thresholds] == [(False, 0, None)] * 2
    assert (found.requests, found.p95_seconds) == (0, None)


def test_a_metric_that_is_not_there_passes_nothing() -> None:
    data = summary()
    del data["metrics"]["http_req_duration"]
    assert [threshold.passed for threshold in load(data).thresholds] == [True, False]


def test_a_threshold_that_is_not_in_the_summary_has_not_passed() -> None:
    data = summary()
    data["metrics"]["http_req_failed"]["thresholds"] = {}
    assert [threshold.passed for threshold in load(data).thresholds] == [False, True]


def test_two_forms_in_one_summary_are_refused() -> None:
    data = summary()
    data["metrics"]["http_req_failed"]["thresholds"] = {FAILED: False}
    with pytest.raises(ScannerReportError, match="can't tell summary-export from handleSummary") as caught:
        load(data)
    assert caught.value.code == "K6_FORMAT"


def exported(*, crossed: bool) -> dict[str, Any]:
    """Return the load of `summary()` as `--summary-export` writes it."""
    times = {"avg": 11.0, "min": 5.0, "med": 10.0, "max": 40.0, "p(95)": 20.5, "p(99)": 30.0, "count": 100}
    return {
        "metrics": {
            "http_reqs": {"count": 100, "rate": 50.0},
            "http_req_failed": {"value": 0.01, "passes": 1, "fails": 99, "thresholds": {FAILED: crossed}},
            "http_req_duration": times | {"thresholds": {SLOW: crossed}},
        },
        "root_group": {"name": "", "checks": {}},
    }


def test_the_export_says_true_where_a_threshold_was_crossed() -> None:
    assert load(exported(crossed=False)) == load(summary(100, 1, ok=True))
    assert load(exported(crossed=True)) == load(summary(100, 1, ok=False))
    assert [threshold.passed for threshold in load(exported(crossed=True)).thresholds] == [False, False]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "NaN", "Infinity", None])
def test_a_figure_that_is_no_number_is_none(value: object) -> None:
    times = {"med": 10.0, "p(95)": value, "p(99)": 30.0, "count": 100}
    found = load(summary(values=times))
    assert (found.p50_seconds, found.p95_seconds, found.thresholds[1].observed) == (0.01, None, None)


def test_the_stream_of_samples_is_no_summary() -> None:
    line = json.dumps({"type": "Metric", "metric": "http_reqs"})
    with pytest.raises(ScannerReportError, match=r"line 2.*--out json") as caught:
        read_summary(f"{line}\n{line}\n".encode())
    assert caught.value.code == "JSON_EXTRA"


def test_counters_that_disagree_are_refused() -> None:
    data = summary()
    data["metrics"]["http_reqs"]["values"]["count"] = 99
    with pytest.raises(ScannerReportError, match="contradicts itself"):
        load(data)


@pytest.mark.parametrize("text", ["", "{}", '{"metrics": {}}', '{"metrics":{}}\n{"metrics":{}}'])
def test_a_broken_summary_is_refused(text: str) -> None:
    with pytest.raises(ScannerReportError):
        read_summary(text.encode())


def test_values_are_data_and_never_code() -> None:
    evil = "/a`${throw}`\"';}</script>\u2028"
    config = CONFIG.model_copy(update={"path": evil})
    script = k6.render("http://127.0.0.1:9", config, Path("/tmp/s'\"x/summary.json"))
    (line,) = [line for line in script.splitlines() if line.startswith("const plan = ")]
    plan = json.loads(line.removeprefix("const plan = ").removesuffix(";"))
    assert plan["url"] == "http://127.0.0.1:9" + evil
    assert plan["summary"] == "/tmp/s'\"x/summary.json"
    assert script.isascii()


def test_the_plan_holds_what_was_declared() -> None:
    config = LoadConfig(users=3, duration=1.5, max_error_rate=0.05, max_p95=0.25)
    script = k6.render("http://127.0.0.1:9/", config, Path("/s.json"))
    plan = json.loads(script.split("const plan = ")[1].split(";\n")[0])
    assert plan["url"] == "http://127.0.0.1:9/"
    assert plan["request"]["redirects"] == 0
    assert plan["options"]["scenarios"]["load"] == {
        "executor": "constant-vus",
        "vus": 3,
        "duration": "1500ms",
        "gracefulStop": "1500ms",
    }
    assert plan["options"]["thresholds"] == {"http_req_failed": ["rate<=0.05"], "http_req_duration": ["p(95)<=250"]}


def test_a_load_shorter_than_k6_takes_lasts_a_second() -> None:
    script = k6.render("http://127.0.0.1:9", LoadConfig(duration=0.2), Path("/s.json"))
    assert '"duration": "1000ms"' in script
