"""The lies after the smoke test, each beside its honest twin."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.states import CheckStatus
from tests.boundaries import believed, caught, check, not_asked, result
from tests.factories import (
    COMMIT,
    DIGEST,
    OTHER_COMMIT,
    OTHER_DIGEST,
    history,
    load,
    release,
    smoke,
    smoke_check,
    threshold,
)

DOWN = smoke_check(passed=False, observed="connection refused")


def test_an_honest_smoke_test_is_believed() -> None:
    report = believed(smoke())
    assert {each.code: each.status for each in report.results} == {
        **dict.fromkeys(("K05", "K01", "K06", "K03", "K02"), CheckStatus.PASSED),
        "K04": CheckStatus.NOT_ENOUGH_HISTORY,
    }
    assert result(report, "K04").observed == "p95 20 ms, 0 of 240 failed"


@pytest.mark.parametrize(
    "honest",
    [
        {"seen_release": None, "seen_expected": None},
        {"load": None, "declared": 2, "load_skipped": "the release is not new here"},
        {"declared": 2},
    ],
    ids=["no-version-declared", "no-load", "more-ran"],
)
def test_honest_smoke_tests_are_believed(honest: dict[str, Any]) -> None:
    believed(smoke(**honest))


@pytest.mark.parametrize(
    "bad",
    [
        {"checks": (DOWN,), "seen_release": None, "load": None},
        {"checks": (smoke_check(), DOWN)},
        {"load": load(failed=200, thresholds=(threshold(passed=False, observed=0.8),))},
    ],
    ids=["service-down", "one-check", "load"],
)
def test_a_failed_smoke_test_is_true_and_bad_and_is_believed(bad: dict[str, Any]) -> None:
    believed(smoke(passed=False, reason="GET /healthz: connection refused", **bad))


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"seen_release": OTHER_COMMIT}, f"reported as {OTHER_COMMIT}"),
        ({"seen_release": None}, "reported as nothing"),
        ({"upstream_digests": (OTHER_DIGEST,)}, f"from {OTHER_DIGEST} behind the proxy"),
        ({"upstream_digests": (DIGEST, OTHER_DIGEST)}, f"{DIGEST} and {OTHER_DIGEST}"),
        ({"upstream_digests": ()}, "from nothing behind the proxy"),
        ({"release": release(digest=OTHER_DIGEST)}, f"answers of {OTHER_DIGEST}"),
    ],
)
def test_k01_another_release_answers(lie: dict[str, Any], observed: str) -> None:
    found = caught(smoke(**lie), "K01", f"answers of {DIGEST} from {DIGEST}", observed)
    assert f"reported as {COMMIT}" in found.expected


def test_k01_another_release_answers_and_fails() -> None:
    caught(smoke(passed=False, reason="version", seen_release=OTHER_COMMIT), "K01", COMMIT, OTHER_COMMIT)


@pytest.mark.parametrize(
    ("lie", "expected", "observed"),
    [
        ({"declared": 5}, "at least 5 checks", "3 checks that ran"),
        ({"declared": 0, "checks": (), "load": None}, "at least 1 checks", "0 checks that ran"),
        ({"declared": 3, "load": None, "load_skipped": "no time"}, "at least 3 checks", "2 checks that ran"),
    ],
    ids=["left-out", "none-declared", "load-left-out"],
)
def test_k06_fewer_checks_than_declared(lie: dict[str, Any], expected: str, observed: str) -> None:
    caught(smoke(**lie), "K06", expected, observed)


def test_k06_a_failed_smoke_test_that_shows_no_failure() -> None:
    caught(smoke(passed=False, reason="?", declared=5), "K06", "at least 5 checks", "3 checks that ran")


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        (load(requests=0), "0 samples of requests"),
        (load(thresholds=(threshold(samples=0),)), "0 samples of http_req_failed"),
    ],
)
def test_k03_a_load_without_samples(lie: Any, observed: str) -> None:
    caught(smoke(load=lie), "K03", "at least 1 request", observed)


def test_k04_shows_that_a_load_has_no_figure() -> None:
    assert result(believed(smoke(load=load(p95_seconds=None))), "K04").observed == "no figure"


def test_k03_is_not_asked_without_a_load() -> None:
    assert "no load test ran" in not_asked(check(smoke(load=None, declared=2)))["K03"]


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"checks": (smoke_check(passed=False, expected="body with 'hello'", observed="<html>error"),) * 2},
         "GET /healthz: <html>error instead of body with 'hello'"),
        ({"load": load(thresholds=(threshold(passed=False, observed=0.4),))}, "http_req_failed: 0.4, threshold"),
    ],
)  # fmt: skip
def test_k02_a_failed_check_under_a_passed_verdict(lie: dict[str, Any], observed: str) -> None:
    caught(smoke(**lie), "K02", "every check passed", observed)


def test_a_smoke_test_without_the_fact_of_its_release_cannot_be_checked() -> None:
    report = check(smoke(), release_digest=None)
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}


USUAL: dict[str, float] = {"smoke__staging__p95": 0.02, "smoke__staging__error_rate": 0.0}


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"p95_seconds": 0.2}, "p95 200 ms, usual is up to 70 ms"),
        ({"failed": 12}, "5.0% of the requests failed, usual is up to 1.0%"),
    ],
)
def test_k04_slower_or_more_errors_than_is_usual(lie: dict[str, Any], observed: str) -> None:
    caught(smoke(load=load(**lie)), "K04", "as they usually are in staging", observed, history=history(**USUAL))


def test_k04_does_not_ask_a_load_that_says_itself_that_it_failed() -> None:
    crossed = load(p95_seconds=2.0, failed=48, thresholds=(threshold(passed=False, observed=0.2),))
    report = believed(smoke(passed=False, reason="load: too many failed", load=crossed), history=history(**USUAL))
    assert not_asked(report) == {"K04": "the smoke test says itself that it failed: load: too many failed"}
    caught(smoke(load=load(p95_seconds=2.0), passed=False), "K04", "usually", "2000 ms", history=history(**USUAL))


def test_k04_only_warns_of_what_is_slow_on_a_busy_machine() -> None:
    report = check(smoke(load=load(p95_seconds=0.2, slowdown=2.5)), history=history(**USUAL))
    assert report.accepted
    (warning,) = report.warnings
    assert warning.observed == (
        "p95 200 ms, usual is up to 70 ms, and the machine was 2.5 times slower than idle (by whom is not known)"
    )


CROWD = "the release kept 1.2 processors busy, others 0.7, and {} of the time they left it none to spare"


@pytest.mark.parametrize(("crowded", "stops"), [(0.0, True), (0.09, True), (0.1, False), (1.0, False)])
def test_k04_the_release_is_no_excuse_for_itself(crowded: float, stops: bool) -> None:
    lie = load(p95_seconds=0.2, slowdown=2.5, release_cores=1.2, other_cores=0.7, crowded=crowded)
    report = check(smoke(load=lie), history=history(**USUAL))
    (found,) = report.stops if stops else report.warnings
    assert found.code == "K04"
    assert found.observed == (
        "p95 200 ms, usual is up to 70 ms, and the machine was 2.5 times slower than idle: "
        f"{CROWD.format(f'{crowded:.0%}')}"
    )


@pytest.mark.parametrize(
    "lie", [{"p95_seconds": 0.2, "slowdown": 1.3, "crowded": 1.0}, {"failed": 12, "slowdown": 9.0, "crowded": 1.0}]
)
def test_k04_a_busy_machine_is_no_excuse_for_errors(lie: dict[str, Any]) -> None:
    caught(smoke(load=load(**lie)), "K04", "as they usually are in staging", "usual is up to", history=history(**USUAL))


@pytest.mark.parametrize(("slowdown", "high"), [(1.0, 0.4), (1.25, 0.5), (1.3, 0.52), (4.0, 0.4)])
def test_k04_a_machine_that_is_a_little_slower_is_not_the_release(slowdown: float, high: float) -> None:
    """Up to where it is called busy; from there on what others took away decides."""
    usual = history(smoke__staging__p95=0.2, smoke__staging__error_rate=0.0)
    for p95, stops in ((high - 0.001, False), (high + 0.001, True)):
        seen = load(p95_seconds=p95, slowdown=slowdown, release_cores=1.8, other_cores=0.1, crowded=0.0)
        report = check(smoke(load=seen), history=usual)
        assert [each.code for each in report.stops] == ["K04"] * stops


@pytest.mark.parametrize(("p95", "stops"), [(0.496, False), (0.498, True)])
def test_k04_a_service_whose_p95_moves_by_itself_may_move_five_spreads(p95: float, stops: bool) -> None:
    """Beyond twice the usual: 0.2 and five times 1.4826 times 0.04."""
    usual = history(smoke__staging__p95=0.2, smoke__staging__error_rate=0.0, mad=0.04)
    report = check(smoke(load=load(p95_seconds=p95, slowdown=1.0, failed=0)), history=usual)
    assert [each.code for each in report.stops] == ["K04"] * stops


@pytest.mark.parametrize(("p95", "stops"), [(0.4, False), (0.401, True)])
def test_k04_a_slow_service_may_take_twice_its_time(p95: float, stops: bool) -> None:
    usual = history(smoke__staging__p95=0.2, smoke__staging__error_rate=0.0)
    report = check(smoke(load=load(p95_seconds=p95, slowdown=1.0)), history=usual)
    assert [each.code for each in report.stops] == ["K04"] * stops


@pytest.mark.parametrize(
    "honest",
    [{}, {"p95_seconds": 0.06}, {"failed": 2}, {"failed": 2, "requests": 200}, {"p95_seconds": 0.001}],
)
def test_a_load_within_the_usual_is_believed(honest: dict[str, Any]) -> None:
    believed(smoke(load=load(**honest)), history=history(**USUAL))


@pytest.mark.parametrize("passed", [True, False])
def test_k05_a_cached_answer_says_nothing_about_the_release(passed: bool) -> None:
    lie = smoke(passed=passed, reason="" if passed else "stale", stale=("GET /: Age 30 s",))
    caught(lie, "K05", "none from a cache", "GET /: Age 30 s")
