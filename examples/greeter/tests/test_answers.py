"""Each request and its answer."""

import json

from greeter import __version__
from greeter.answers import answer


def test_the_root_is_a_page() -> None:
    made = answer("/", "*/*", {})
    assert (made.status, made.content_type) == (200, "text/html; charset=utf-8")
    assert b"<h1>Hello, world!</h1>" in made.body


def test_the_root_is_json_for_who_asks() -> None:
    made = answer("/", "application/json", {})
    assert (made.status, made.content_type, json.loads(made.body)) == (
        200,
        "application/json",
        {"greeting": "Hello, world!"},
    )


def test_it_is_healthy() -> None:
    made = answer("/healthz", "", {})
    assert (made.status, json.loads(made.body)) == (200, {"status": "ok"})


def test_it_says_which_release_it_is() -> None:
    made = answer("/version", "", {"SLUICE_COMMIT": "c0ffee", "SLUICE_RELEASE": "sha256:ab"})
    assert json.loads(made.body) == {"version": __version__, "commit": "c0ffee", "release": "sha256:ab"}


def test_it_claims_no_release_that_nobody_named() -> None:
    assert json.loads(answer("/version", "", {}).body) == {
        "version": __version__,
        "commit": "unknown",
        "release": "unknown",
    }


def test_greets_by_name_and_language() -> None:
    made = answer("/greet?name=Ada&language=de", "", {})
    assert (made.status, json.loads(made.body)) == (200, {"greeting": "Guten Tag, Ada!"})


def test_greets_the_world_by_default() -> None:
    assert json.loads(answer("/greet", "", {}).body) == {"greeting": "Hello, world!"}


def test_a_bad_name_is_the_callers_fault() -> None:
    made = answer("/greet?name=", "", {})
    assert (made.status, json.loads(made.body)) == (400, {"error": "name is empty"})


def test_nothing_else_is_there() -> None:
    made = answer("/admin?x=1", "", {})
    assert (made.status, json.loads(made.body)) == (404, {"error": "nothing is at /admin"})
