"""What the proxy counted: requests of a route, those that failed, and how long they took."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

_LINE = re.compile(r"^caddy_http_request_duration_seconds_bucket\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SERVER_ERROR = 500


@dataclass(frozen=True)
class Traffic:
    """Requests since the proxy began, or between two looks.

    Attributes:
        requests: all that were answered.
        errors: those of them with a status of 500 and above.
        within: upper bound in seconds → how many of them took at most so long.
    """

    requests: int = 0
    errors: int = 0
    within: Counter[float] = field(default_factory=Counter)

    def since(self, before: Traffic) -> Traffic:
        """Return what came after an earlier look; a proxy that was started again begins anew."""
        if before.requests > self.requests:
            return self
        within = Counter({bound: count - before.within[bound] for bound, count in self.within.items()})
        return Traffic(self.requests - before.requests, self.errors - before.errors, within)

    @property
    def error_rate(self) -> float:
        """Share of requests that failed."""
        return self.errors / self.requests if self.requests else 0.0

    def percentile(self, share: float) -> float:
        """Return the smallest bound that at least this share of the requests kept; 0 when there were none."""
        if not self.requests:
            return 0.0
        return min(bound for bound, count in self.within.items() if count >= share * self.requests)


def traffic(text: str, server: str, *handlers: str) -> Traffic:
    """Return what Caddy's metrics say of one server's routes whose outermost handler is one of `handlers`."""
    within: Counter[float] = Counter()
    requests = errors = 0
    for match in _LINE.finditer(text):
        labels = dict(_LABEL.findall(match[1]))
        if labels.get("server") != server or labels.get("handler") not in handlers:
            continue
        bound, count = float(labels["le"]), int(float(match[2]))
        within[bound] += count
        if bound == float("inf"):
            requests += count
            errors += count if int(labels["code"] or SERVER_ERROR) >= SERVER_ERROR else 0
    return Traffic(requests, errors, within)
