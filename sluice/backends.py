"""Which database, bucket or queue a variable names, so that two environments can be compared without a value shown."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

_FAMILIES = {
    "postgres": "PostgreSQL database",
    "postgresql": "PostgreSQL database",
    "mysql": "MySQL database",
    "mariadb": "MySQL database",
    "mssql": "SQL Server database",
    "oracle": "Oracle database",
    "mongodb": "MongoDB database",
    "sqlite": "SQLite file",
    "redis": "Redis database",
    "rediss": "Redis database",
    "amqp": "queue",
    "amqps": "queue",
    "kafka": "queue",
    "nats": "queue",
    "sqs": "queue",
    "s3": "bucket",
    "gs": "bucket",
    "gcs": "bucket",
    "az": "bucket",
}
_PORTS = {"PostgreSQL database": 5432, "MySQL database": 3306, "MongoDB database": 27017, "Redis database": 6379}
_NAMED = re.compile(r"(?:^|_)(?P<kind>BUCKET|QUEUE|TOPIC)(?:_NAME|_URL|_ARN)?$")
_LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - compared, never listened on


@dataclass(frozen=True)
class Backend:
    """What a variable names: its kind in words, and what tells it from others. Nobody shows `identity`."""

    variable: str
    kind: str
    identity: tuple[str, ...]


def backends(variables: Mapping[str, str]) -> tuple[Backend, ...]:
    """Return the databases, buckets and queues that variables name; passwords and options play no part."""
    found = (_backend(name, value.strip()) for name, value in sorted(variables.items()))
    return tuple(backend for backend in found if backend is not None)


def shared(mine: Mapping[str, str], others: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Return variable of `mine`, variable of `others` and kind, for each backend that both name."""
    return tuple(
        (one.variable, other.variable, one.kind)
        for one in backends(mine)
        for other in backends(others)
        if (one.kind, one.identity) == (other.kind, other.identity)
    )


def _backend(variable: str, value: str) -> Backend | None:
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        return None
    family = url.scheme.lower().partition("+")[0]
    kind = _FAMILIES.get(family)
    if kind == "SQLite file":
        return _file(variable, url)
    if kind is not None and (url.hostname or url.query):
        return Backend(variable, kind, (*_host(url, port or _PORTS.get(kind)), *_inside(url)))
    named = _NAMED.search(variable.upper())
    if named and value:
        return Backend(variable, named["kind"].lower(), (value,))
    return None


def _host(url: SplitResult, port: int | None) -> tuple[str, str]:
    query = dict(parse_qsl(url.query))
    host = (url.hostname or query.get("host", "")).lower().rstrip(".")
    return "localhost" if host in _LOOPBACK else host, str(port or query.get("port", ""))


def _inside(url: SplitResult) -> tuple[str, ...]:
    return (url.path.strip("/") or dict(parse_qsl(url.query)).get("dbname", ""),)


def _file(variable: str, url: SplitResult) -> Backend | None:
    """A relative file lies in each release's own folder: only an absolute one can be shared."""
    path = url.path if not url.netloc else f"{url.netloc}{url.path}"
    if not path.startswith("//"):
        return None
    return Backend(variable, "SQLite file", (posixpath.normpath(path[1:]),))
