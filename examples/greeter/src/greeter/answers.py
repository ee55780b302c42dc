"""The answer to each request: plain functions, no sockets."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from greeter import __version__
from greeter.greetings import GreetingError, greet

HTML = "text/html; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """Status, media type and body of an answer."""

    status: int
    content_type: str
    body: bytes


def answer(target: str, accept: str, environment: Mapping[str, str]) -> Answer:
    """Return the answer to `GET target`.

    Args:
        target: path and query of the request.
        accept: the Accept header; JSON comes when it asks for it.
        environment: SLUICE_COMMIT and SLUICE_RELEASE say which release this is.
    """
    url = urlsplit(target)
    query = parse_qs(url.query, keep_blank_values=True)
    if url.path == "/":
        return _welcome(accept)
    if url.path == "/healthz":
        return _json(200, {"status": "ok"})
    if url.path == "/version":
        return _json(200, version(environment))
    if url.path == "/greet":
        return _greeting(query)
    return _json(404, {"error": f"nothing is at {url.path}"})


def version(environment: Mapping[str, str]) -> dict[str, str]:
    """Return which release answers; `unknown` where nobody said so."""
    return {
        "version": __version__,
        "commit": environment.get("SLUICE_COMMIT", "unknown"),
        "release": environment.get("SLUICE_RELEASE", "unknown"),
    }


def _welcome(accept: str) -> Answer:
    text = greet("world")
    if JSON in accept:
        return _json(200, {"greeting": text})
    page = (
        f"<!doctype html><title>Greeter</title><h1>{html.escape(text)}</h1><p>Try <a href=/greet?name=Ada>/greet</a>."
    )
    return Answer(200, HTML, page.encode())


def _greeting(query: Mapping[str, list[str]]) -> Answer:
    try:
        text = greet(query.get("name", ["world"])[0], query.get("language", ["en"])[0])
    except GreetingError as error:
        return _json(400, {"error": str(error)})
    return _json(200, {"greeting": text})


def _json(status: int, value: Mapping[str, str]) -> Answer:
    return Answer(status, JSON, json.dumps(value, ensure_ascii=False).encode())
