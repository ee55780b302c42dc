"""Requests to a container registry: logins, tokens, and retries by class of failure.

Refused (401, 403): never again. Too many requests (429): after the pause that the registry asks for. Broken (5xx, no
answer): after growing pauses. At most five attempts in all.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from sluice.errors import InfrastructureError

ATTEMPTS = 5
FIRST_PAUSE = 0.5  # seconds; doubles
LONGEST_PAUSE = 60.0


class RegistryRefusedError(InfrastructureError):
    """The registry does not let this account do this."""

    code = "REGISTRY_REFUSED"
    next_step = "Look at build.image.login in sluice.yaml and at what the account may do; nothing was tried again."


class RegistryError(InfrastructureError):
    """The registry does not do what it is asked, however often."""

    code = "REGISTRY_BROKEN"
    next_step = "Look at the registry, then run again: what it has already is not sent again."


@dataclass(frozen=True)
class Login:
    """An account at a registry."""

    username: str
    password: str = field(repr=False)


def is_loopback(host: str) -> bool:
    """Tell whether a registry is on this machine; such are spoken to without TLS, as Docker does."""
    return re.fullmatch(r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?", host) is not None


class RegistrySession:
    """Connections to one repository of one registry; a context manager.

    Args:
        repository: registry and name, e.g. `registry.example/team/greeter`.
        pause: waits; tests look at how long.
    """

    def __init__(
        self,
        repository: str,
        login: Login | None = None,
        timeout: float = 600.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.repository = repository
        self.host, _, self.name = repository.partition("/")
        self.login = login
        self._pause = pause
        self._attempts = ATTEMPTS
        self._token = ""
        scheme = "http" if is_loopback(self.host) else "https"
        self.base = f"{scheme}://{self.host}"
        self._client = httpx.Client(base_url=self.base, timeout=timeout, trust_env=False, follow_redirects=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._client.close()

    def be_quick(self, seconds: float) -> None:
        """Ask once from now on, and wait no longer than that for an answer: nothing depends on it."""
        self._attempts = 1
        self._client.timeout = httpx.Timeout(seconds)

    def retried(self, attempt: Callable[[], httpx.Response], what: str, *, missing: bool = False) -> httpx.Response:
        """Ask until there is an answer that counts.

        Raises:
            RegistryRefusedError: 401, 403.
            RegistryError: another refusal, or as many attempts as there are without an answer that counts.
        """
        problem = ""
        for number in range(1, self._attempts + 1):
            asked = 0.0
            try:
                answer = attempt()
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success or (missing and answer.status_code == 404):
                    return answer
                if answer.status_code in (401, 403):
                    raise self._refused(answer, what)
                problem = _told(answer)
                if answer.status_code != 429 and answer.status_code < 500:
                    raise RegistryError(f"the registry refused: {what}", where=self.repository, found=problem)
                asked = retry_after(answer.headers)
            if number < self._attempts:
                own = FIRST_PAUSE * 2 ** (number - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
                self._pause(min(LONGEST_PAUSE, asked or own))
        raise RegistryError(f"{what} failed {self._attempts} times", where=self.repository, found=problem)

    def _refused(self, answer: httpx.Response, what: str) -> RegistryRefusedError:
        account = f"account {self.login.username}" if self.login else "nobody (no login is declared)"
        return RegistryRefusedError(
            f"the registry refused {account}: {what}",
            where=f"{self.host}, repository {self.name}",
            found=_told(answer),
        )

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request, with a token when the registry works with tokens."""
        url = path if path.startswith("http") else f"/v2/{self.name}{path}"
        same_host = url.startswith(("/", self.base))  # an upload may go to a store that must not see the login
        answer = self._client.request(method, url, **self._signed(more, same_host=same_host))
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code == 401 and same_host and challenge.lower().startswith("bearer "):
            if isinstance(more.get("content"), Iterator):
                return answer  # a stream is spent: the next attempt has the token
            self._token = self._fetch_token(challenge)
            answer = self._client.request(method, url, **self._signed(more, same_host=True))
        return answer

    def _signed(self, more: Mapping[str, Any], *, same_host: bool) -> dict[str, Any]:
        if not same_host:
            return dict(more)
        if self._token:
            return {**more, "headers": {**more.get("headers", {}), "Authorization": f"Bearer {self._token}"}}
        return {**more, "auth": (self.login.username, self.login.password)} if self.login else dict(more)

    def _fetch_token(self, challenge: str) -> str:
        parts = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = parts.pop("realm", "")
        if not realm.startswith(("https://", *(["http://"] if is_loopback(self.host) else []))):
            return ""  # a login is sent nowhere without TLS
        parts["scope"] = f"repository:{self.name}:pull,push"
        auth = (self.login.username, self.login.password) if self.login else None
        answer = self._client.get(realm, params=parts, auth=auth)
        if not answer.is_success:
            return ""
        told = answer.json()
        return str(told.get("token") or told.get("access_token") or "")


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a registry asks to wait; 0 when it asks for none that can be read."""
    value = headers.get("Retry-After", "").strip()
    return min(LONGEST_PAUSE, float(value)) if value.isdecimal() else 0.0


def _told(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.reason_phrase}: {answer.text[:200]}".strip()
