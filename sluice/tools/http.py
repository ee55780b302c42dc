"""One HTTP request, as a smoke test needs it: bounded in time and size, direct, and an answer whatever happens."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx

from sluice.findings.draft import plain

BODY_LIMIT = 1 << 20  # bytes of a body that are read
NONCE = "X-Sluice-Nonce"
FRESH = {"Cache-Control": "no-cache", "Pragma": "no-cache", "User-Agent": "sluice-smoke"}
EXCERPT = 80
CACHES = ("x-cache", "x-cache-status", "cf-cache-status", "x-varnish-cache")  # where caches say that they answered
_HIT = re.compile(r"\bhit\b|\bstale\b|\bupdating\b", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: None when nothing came; then `error` says why.
        headers: names in lower case.
        body: the first MiB.
        seconds: from the request to the last byte that was read.
        nonce: what the request said to be told from every other by.
    """

    seconds: float
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""
    nonce: str = ""

    @property
    def replayed(self) -> str:
        """Why this is the answer to another request, or out of a cache; empty when nothing says so."""
        age = self.headers.get("age", "").strip()
        if age.isdecimal() and int(age) > 0:
            return f"Age {age} s"
        told = self.headers.get(NONCE.lower(), self.nonce)
        if told != self.nonce:
            return f"the nonce of another request ({told[:16]!r})"
        cache = next((self.headers[name] for name in CACHES if name in self.headers), "")
        return f"from a cache ({cache[:40]!r})" if _HIT.search(cache) else ""

    @property
    def text(self) -> str:
        """The body as text, by the charset that the answer declares, else UTF-8."""
        charset = httpx.Headers(self.headers).get("content-type", "").partition("charset=")[2].strip(" \"';") or "utf-8"
        try:
            return self.body.decode(charset, "replace")
        except (LookupError, ValueError):  # no such charset, or one that is none for text
            return self.body.decode("utf-8", "replace")

    @property
    def media_type(self) -> str:
        """Media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def excerpt(self) -> str:
        """Return the beginning of the body on one line."""
        return plain(self.text[: EXCERPT * 8], EXCERPT)


def ask(
    url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: str | None = None, timeout: float
) -> Answer:
    """Send one request on a connection of its own and return the answer; the network's failures are answers too.

    No proxy of the environment, no redirect followed. The time limit holds for the whole exchange, also against a
    server that sends a byte now and then: the request runs in a thread that is left behind when the time is up.
    """
    started = time.monotonic()
    box: list[Answer] = []
    nonce = secrets.token_hex(8)
    own = httpx.Headers({**FRESH, NONCE: nonce, "Connection": "close"})
    own.update(headers or {})

    def work() -> None:
        box.append(_exchange(url, method, own, body, timeout))

    thread = threading.Thread(target=work, daemon=True, name="smoke-request")
    thread.start()
    thread.join(timeout)
    answer = box[0] if box else Answer(timeout, error=f"no whole answer within {timeout:.3g} s")
    return replace(answer, seconds=time.monotonic() - started, nonce=own[NONCE])


def _exchange(url: str, method: str, headers: httpx.Headers, body: str | None, timeout: float) -> Answer:
    verify = not url.startswith("http:")  # reading the certificates costs 20 ms, which would count as latency
    try:
        with (
            httpx.Client(trust_env=False, follow_redirects=False, timeout=timeout, verify=verify) as client,
            client.stream(method, url, headers=headers, content=body) as response,
        ):
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) >= BODY_LIMIT:
                    break
            return Answer(0.0, response.status_code, dict(response.headers), content[:BODY_LIMIT])
    except httpx.TimeoutException:
        return Answer(0.0, error=f"no whole answer within {timeout:.3g} s")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError, OSError) as error:
        return Answer(0.0, error=plain(f"{type(error).__name__}: {error}", 200))
