"""What an answer must be: each lie is named, its honest twin passes."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.config.smoke import HttpCheck
from sluice.stages.smoke_checks import expectation, find, mismatch
from sluice.tools.http import Answer

JSON = {"content-type": "application/json"}


def answer(body: str = '{"status": "ok", "n": 1, "on": true}', **fields: Any) -> Answer:
    return Answer(**({"seconds": 0.012, "status": 200, "headers": JSON, "body": body.encode()} | fields))


def check(**fields: Any) -> HttpCheck:
    return HttpCheck(path="/healthz", **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"contains": '"ok"'},
        {"content_type": "Application/JSON; charset=utf-8"},
        {"json": {"$.status": "ok", "$.n": 1, "$.on": True}},
        {"json": {"$.n": 1.0}},
        {"response_headers": {"Content-Type": "application/json"}},
        {"max_latency": 0.5},
    ],
)
def test_an_honest_answer_passes(fields: dict[str, Any]) -> None:
    assert mismatch(check(**fields), answer()) == ""


@pytest.mark.parametrize(
    ("fields", "lie", "observed"),
    [
        ({}, answer("down", status=503), "503 in 12 ms: 'down'"),
        ({}, Answer(1.0, error="ConnectError: refused"), "ConnectError: refused"),
        (
            {"content_type": "application/json"},
            answer("<h1>Oops</h1>", headers={"content-type": "text/html; charset=utf-8"}),
            "200 with text/html: '<h1>Oops</h1>'",
        ),
        ({"content_type": "text/html"}, answer("x", headers={}), "200 with no content type: 'x'"),
        ({"contains": "Welcome"}, answer("Something went wrong"), "200 with another body: 'Something went wrong'"),
        ({"json": {"$.status": "ok"}}, answer("<html>"), "200 with a body that is not JSON: '<html>'"),
        ({"json": {"$.status": "ok"}}, answer('{"status": "degraded"}'), '$.status = "degraded"'),
        ({"json": {"$.status": "ok"}}, answer("{}"), "$.status = nothing"),
        ({"json": {"$.n": 1}}, answer('{"n": true}'), "$.n = true"),
        ({"json": {"$.n": None}}, answer("{}"), "$.n = nothing"),
        ({"json": {"$.all[*]": "ok"}}, answer('{"all": ["ok", "bad"]}'), '$.all[*] = "ok", "bad"'),
        ({"response_headers": {"X-Frame-Options": "DENY"}}, answer(), "X-Frame-Options: nothing"),
        ({"max_latency": 0.01}, answer(), "0.012 s"),
    ],
)
def test_a_lie_is_named(fields: dict[str, Any], lie: Answer, observed: str) -> None:
    assert mismatch(check(**fields), lie) == observed


def test_a_null_that_was_declared_must_be_there() -> None:
    assert mismatch(check(json={"$.error": None}), answer('{"error": null}')) == ""


def test_another_status_can_be_what_is_expected() -> None:
    assert mismatch(check(status=401), answer("no", status=401)) == ""


def test_expected_says_all_that_was_declared() -> None:
    declared = check(
        contains="hi", json={"$.a": "b"}, response_headers={"X-A": "1"}, content_type="text/plain", max_latency=0.5
    )
    assert expectation(declared) == "200, text/plain, body with 'hi', $.a = \"b\", X-A: 1, within 0.5 s"


def test_text_follows_the_charset_and_survives_an_unknown_one() -> None:
    latin = Answer(0.1, 200, {"content-type": "text/plain; charset=latin-1"}, "é".encode("latin-1"))
    assert latin.text == "é"
    for unknown in ("nonsense", "undefined", "hex", ""):
        assert answer("é", headers={"content-type": f"text/plain; charset={unknown}"}).text == "é"


def test_a_path_that_does_not_fit_selects_nothing() -> None:
    assert find("$.a.b", [1, 2]) == []
    assert find("$[0]", [1, 2]) == [1]
