"""An image out of its registry by the engine: refusals by their class, a limit on silence, retries where they help.

The engine hands on its own words alone, no status and no `Retry-After`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Literal

import requests
import urllib3
from docker import APIClient, auth
from docker.errors import APIError

from sluice.tools.docker.engine import EngineFullError, refusal

PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between the five attempts
LIMIT_SECONDS = 60.0  # since the first attempt; after that there is no other
SILENCE_SECONDS = 60.0  # between two lines of the engine: the SDK's own pull has no limit at all

_REFUSED = re.compile(
    r"unauthorized|authentication required|denied|no basic auth|forbidden|HTTP 40[13]\b", re.IGNORECASE
)
_GONE = re.compile(
    r"manifest unknown|name unknown|not found|does not exist|invalid reference|HTTP 404\b", re.IGNORECASE
)
_CHANGED = re.compile(r"verification failed|does not match", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """Why an image could not be pulled; `words` are the engine's."""

    kind: Literal["refused", "gone", "changed", "down"]
    words: str


def pull(
    api: APIClient, repository: str, tag: str, login: dict[str, str] | None = None, platform: str = ""
) -> Failure | None:
    """Have the engine pull an image; return why it could not, None when it did.

    What is refused, gone, or not what its digest says is told at once. What may mend itself (429, 5xx, no answer or
    half of one) is tried again.

    Raises:
        EngineFullError: the engine has no room for it.
        APIError, RequestException: see :func:`sluice.tools.docker.engine.told`.
    """
    began = time.monotonic()
    for pause in (*PAUSES, None):
        failure = _attempt(api, repository, tag, login, platform)
        if failure is None or failure.kind != "down" or pause is None or time.monotonic() - began > LIMIT_SECONDS:
            return failure
        time.sleep(pause)
    raise AssertionError("the last attempt returns")


def _attempt(api: APIClient, repository: str, tag: str, login: dict[str, str] | None, platform: str) -> Failure | None:
    where = {"fromImage": repository, "tag": tag, **({"platform": platform} if platform else {})}
    registry, _ = auth.resolve_repository_name(repository)
    header = auth.encode_header(login) if login else auth.get_config_header(api, registry)
    headers = {"X-Registry-Auth": header} if header else {}
    try:
        answer = api._post(
            api._url("/images/create"), params=where, headers=headers, stream=True, timeout=SILENCE_SECONDS
        )
        api._raise_for_status(answer)
        for line in api._stream_helper(answer, decode=True):
            if "error" in line:
                return _failure(api, str(line["error"]))
    except APIError as error:
        return _failure(api, str(error.explanation or error))
    except (requests.Timeout, urllib3.exceptions.ReadTimeoutError):
        api.ping()  # is it the engine that is silent? Then its own error is the one to see
        return Failure("down", f"nothing was heard for {SILENCE_SECONDS:g} s")
    return None


def _failure(api: APIClient, words: str) -> Failure:
    told = refusal(str(api.base_url), words)
    if isinstance(told, EngineFullError):
        raise told
    return failure_of(words)


def failure_of(words: str) -> Failure:
    """Return the class of what an engine says about a pull."""
    if _CHANGED.search(words):
        return Failure("changed", words)
    if _REFUSED.search(words):
        return Failure("refused", words)
    return Failure("gone" if _GONE.search(words) else "down", words)
