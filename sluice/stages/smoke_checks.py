"""What one answer must be, and what it was."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import jsonpath

from sluice.config.smoke import HttpCheck, VersionCheck
from sluice.findings.draft import plain
from sluice.records.build import Release
from sluice.records.smoke import SmokeCheck
from sluice.tools.http import Answer, ask

REQUEST_SECONDS = 10.0  # of one request, unless the check allows more
SHOWN = 160
ABSENT = "nothing"


class Clock:
    """The time that all checks have together, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; 0 when there are none."""
        return max(self._end - time.monotonic(), 0.0)


class Session:
    """Asks one address, and remembers which answers were not fresh."""

    def __init__(self, address: str, clock: Clock) -> None:
        self.address = address.rstrip("/")
        self.clock = clock
        self.answered = 0
        self.stale: list[str] = []

    def get(self, check: HttpCheck) -> Answer:
        """Send the check's request; when the time for all is used up, the answer says so."""
        limit = max(REQUEST_SECONDS, (check.max_latency or 0.0) + 1.0)
        seconds = min(limit, self.clock.left)
        if seconds <= 0:
            return Answer(0.0, error=f"not asked: the {self.clock.seconds:g} s for all checks were used up")
        answer = ask(
            self.address + check.path, method=check.method, headers=check.headers, body=check.body, timeout=seconds
        )
        self.answered += answer.status is not None
        if answer.replayed:
            self.stale.append(f"{check.method} {check.path}: {answer.replayed}")
        return answer


def http_check(check: HttpCheck, session: Session) -> SmokeCheck:
    """Send a declared request and hold the answer against what was declared."""
    answer = session.get(check)
    problem = mismatch(check, answer)
    return SmokeCheck(
        name=check.name or f"{check.method} {check.path}",
        passed=not problem,
        expected=expectation(check),
        observed=problem or _seen(answer),
        seconds=answer.seconds,
    )


def expectation(check: HttpCheck) -> str:
    """Return everything that was declared, in one line."""
    parts = [str(check.status)]
    parts += [check.content_type] if check.content_type else []
    parts += [f"body with {check.contains!r}"] if check.contains is not None else []
    parts += [f"{path} = {_json(value)}" for path, value in check.json_path.items()]
    parts += [f"{name}: {value}" for name, value in check.response_headers.items()]
    parts += [f"within {check.max_latency:g} s"] if check.max_latency else []
    return plain(", ".join(parts), 500)


def mismatch(check: HttpCheck, answer: Answer) -> str:
    """Return the first thing that is not as declared, as it was; empty when all is."""
    if answer.status is None:
        return answer.error
    if answer.status != check.status:
        return f"{_seen(answer)}: {answer.excerpt()!r}"
    if check.content_type and answer.media_type != check.content_type.partition(";")[0].strip().lower():
        return f"{answer.status} with {answer.media_type or 'no content type'}: {answer.excerpt()!r}"
    if check.contains is not None and check.contains not in answer.text:
        return f"{answer.status} with another body: {answer.excerpt()!r}"
    return _json_mismatch(check, answer) or _header_mismatch(check, answer) or _late(check, answer)


def _json_mismatch(check: HttpCheck, answer: Answer) -> str:
    if not check.json_path:
        return ""
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return f"{answer.status} with a body that is not JSON: {answer.excerpt()!r}"
    for path, wanted in check.json_path.items():
        values = find(path, data)
        if not values or not all(_equal(value, wanted) for value in values):
            return plain(f"{path} = {', '.join(map(_json, values[:3])) or ABSENT}", SHOWN)
    return ""


def _header_mismatch(check: HttpCheck, answer: Answer) -> str:
    for name, wanted in check.response_headers.items():
        value = answer.headers.get(name.lower())
        if value is None or value.strip() != wanted.strip():
            return plain(f"{name}: {value if value is not None else ABSENT}", SHOWN)
    return ""


def _late(check: HttpCheck, answer: Answer) -> str:
    late = check.max_latency is not None and answer.seconds > check.max_latency
    return f"{answer.seconds:.3f} s" if late else ""


def find(path: str, data: object) -> list[object]:
    """Return the values that a JSONPath selects; none when it does not fit the data."""
    try:
        return list(jsonpath.findall(path, data))  # type: ignore[arg-type]
    except jsonpath.JSONPathError:
        return []


def _equal(value: object, wanted: object) -> bool:
    """JSON's equality: 1 is 1.0, and neither is true."""
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _seen(answer: Answer) -> str:
    return f"{answer.status} in {answer.seconds * 1000:.0f} ms"


def version_check(
    check: VersionCheck, release: Release, session: Session, rounds: int
) -> tuple[SmokeCheck, str | None, str]:
    """Ask `rounds` times which release answers, so that each replica behind the proxy has its say.

    Returns:
        The check, what was reported (several values joined; None: nothing), and what should have been.
    """
    wanted = {"commit": release.commit, "digest": release.digest, "version": release.version}[check.value]
    request = HttpCheck(path=check.path, content_type=None)
    seen: dict[str, int] = {}
    problem, seconds, asked = "", 0.0, 0
    while asked < rounds and not problem and set(seen) <= {wanted}:
        answer = session.get(request)
        asked, seconds = asked + 1, seconds + answer.seconds
        problem, value = _reported(check, answer)
        if value is not None:
            seen[value] = seen.get(value, 0) + 1
    reported = ", ".join(seen) or None
    good = not problem and set(seen) == {wanted}
    observed = problem or f"{plain(reported or ABSENT, SHOWN)} ({asked} of {rounds} answers)"
    result = SmokeCheck(
        name=f"version at {check.path}",
        passed=good,
        expected=f"{check.json_path} = {wanted} from each of {rounds} answers",
        observed=observed,
        seconds=seconds,
    )
    return result, reported, wanted


def _reported(check: VersionCheck, answer: Answer) -> tuple[str, str | None]:
    """Return the problem with an answer (empty: none), and the version that it reports."""
    if answer.status != 200:
        return (answer.error if answer.status is None else f"{_seen(answer)}: {answer.excerpt()!r}"), None
    try:
        values = find(check.json_path, json.loads(answer.body))
    except (ValueError, RecursionError):
        return f"200 with a body that is not JSON: {answer.excerpt()!r}", None
    if len(values) != 1 or not isinstance(values[0], str | int | float):
        return plain(f"{check.json_path} = {', '.join(map(_json, values[:3])) or ABSENT}", SHOWN), None
    return "", str(values[0])


def fresh_check(session: Session) -> SmokeCheck:
    """Tell whether a cache answered instead of the release (K05), over all requests of the session.

    A cache says so (`Age`, `X-Cache`), or gives an answer away that carries the nonce of another request.
    """
    stale: Sequence[str] = session.stale
    return SmokeCheck(
        name="fresh answers",
        passed=session.answered > 0 and not stale,
        expected="answers, none from a cache",
        observed="; ".join(stale[:3]) or f"{session.answered} answers, none from a cache",
        seconds=0.0,
    )
