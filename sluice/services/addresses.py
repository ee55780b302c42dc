"""Where the services are: chosen at the first `sluice up`, saved in `services.json`, read by everybody else."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sluice.errors import ConfigError, InfrastructureError
from sluice.services import credentials, sockets
from sluice.services.credentials import Credentials
from sluice.services.ports import PortWish, pick
from sluice.settings import Home, Settings

DATABASE, PREFECT_DATABASE, DATABASE_USER = "sluice", "prefect", "sluice"
PREFERRED = {"postgres": 5433, "prefect": 4200, "caddy": 2019}
NAMES = {"postgres": "Postgres", "prefect": "the Prefect server", "caddy": "the proxy's admin API"}


@dataclass(frozen=True)
class Addresses:
    """Where each service answers, with what it takes to be let in.

    `postgres_port` and `prefect_port` are None when an outside server is used instead; `prefect_database_url` is None
    when the Prefect server is an outside one.
    """

    database_url: str = field(repr=False)
    prefect_database_url: str | None = field(repr=False)
    prefect_api_url: str
    prefect_ui_url: str
    prefect_auth: str | None = field(repr=False)
    caddy_admin: str
    supervisor_socket: Path
    warm_socket: Path
    worker_socket: Path
    prefect_memory: Path
    postgres_port: int | None
    prefect_port: int | None
    caddy_port: int


def choose(settings: Settings, running: Collection[str] = ()) -> Addresses:
    """Choose the port of each embedded service, save the choice, and return all addresses.

    Args:
        settings: outside servers and fixed ports come from here.
        running: names of services (`postgres`, `prefect`, `caddy`) that run now and so hold their saved port.

    Raises:
        PortTakenError: `PORT_TAKEN`: a fixed or saved port is held by another program.
    """
    saved = _saved(settings.home) or {}
    embedded = {
        "postgres": settings.database_url is None,
        "prefect": not _outside_prefect(settings, saved),
        "caddy": True,
    }
    asked = {"postgres": settings.postgres_port, "prefect": settings.prefect_port, "caddy": settings.caddy_port}
    chosen: dict[str, int] = {}
    for name, preferred in PREFERRED.items():
        if embedded[name]:
            wish = port_wish(name, asked[name], saved.get(name), preferred)
            chosen[name] = pick(wish, list(chosen.values()), running=name in running)
    if chosen != saved:
        credentials.write_private(settings.home.services_file, json.dumps(chosen))
    return _addresses(settings, chosen, credentials.make(settings.home))


def port_wish(name: str, asked: int | None, saved: int | None, preferred: int) -> PortWish:
    """Return what is known of the port of the service `name`: `postgres`, `prefect` or `caddy`."""
    return PortWish(NAMES[name], f"SLUICE_{name.upper()}_PORT", asked, saved, preferred)


def load(settings: Settings) -> Addresses:
    """Return the addresses that the last `sluice up` saved.

    Raises:
        InfrastructureError: `SERVICES_DOWN`: the services were never started here.
    """
    saved = _saved(settings.home)
    secrets = credentials.read(settings.home)
    if saved is None or secrets is None:
        raise InfrastructureError(
            "the services were never started here",
            code="SERVICES_DOWN",
            where=str(settings.home.root),
            next_step="Run `sluice up`, then run again.",
        )
    return _addresses(settings, saved, secrets)


def _saved(home: Home) -> dict[str, int] | None:
    try:
        saved = json.loads(home.services_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return {name: int(saved[name]) for name in PREFERRED if name in saved}


def _outside_prefect(settings: Settings, saved: dict[str, int]) -> bool:
    """Tell whether PREFECT_API_URL names another server than ours; flows and `sluice env` set it to ours."""
    if settings.prefect_api_url is None:
        return False
    return "prefect" not in saved or settings.prefect_api_url.rstrip("/") != _api_url(saved["prefect"])


def _api_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"


def _addresses(settings: Settings, ports: dict[str, int], secrets: Credentials) -> Addresses:
    outside_database = _outside_database(settings.database_url.get_secret_value()) if settings.database_url else None
    outside_prefect = _outside_prefect(settings, ports)
    database = outside_database or _embedded_url(ports["postgres"], secrets)
    api = _outside_api(settings.prefect_api_url) if outside_prefect and settings.prefect_api_url else None
    auth = settings.prefect_auth.get_secret_value() if settings.prefect_auth else None
    place = sockets.folder(settings.home)
    return Addresses(
        database_url=database,
        prefect_database_url=None if api else prefect_database(database),
        prefect_api_url=api or _api_url(ports["prefect"]),
        prefect_ui_url=(api or _api_url(ports["prefect"])).removesuffix("/api"),
        prefect_auth=auth if api else secrets.prefect_auth,
        caddy_admin=f"http://127.0.0.1:{ports['caddy']}",
        supervisor_socket=place / "supervisor.sock",
        warm_socket=place / "warm.sock",
        worker_socket=place / "worker.sock",
        prefect_memory=place / "prefect.json",
        postgres_port=None if outside_database else ports["postgres"],
        prefect_port=None if api else ports["prefect"],
        caddy_port=ports["caddy"],
    )


def _embedded_url(port: int, secrets: Credentials) -> str:
    return f"postgresql://{DATABASE_USER}:{secrets.postgres_password}@127.0.0.1:{port}/{DATABASE}"


def _outside_database(url: str) -> str:
    """Return the address for libpq; ConfigError `DATABASE_URL` when it is none, and the password is never shown."""
    try:
        parts = urlsplit(url)
        good = parts.scheme.partition("+")[0] in ("postgresql", "postgres") and len(parts.path) > 1 and parts.hostname
        _ = parts.port
    except ValueError:
        good = None
    if not good:
        raise ConfigError(
            "the database address is no address of a Postgres database",
            code="DATABASE_URL",
            where="SLUICE_DATABASE_URL",
            allowed="postgresql://user:password@host:port/database",
            next_step="Correct it, or unset it: then the embedded Postgres is used.",
        )
    return urlunsplit(parts._replace(scheme="postgresql"))


def _outside_api(url: str) -> str:
    """Return the address of an outside Prefect's API; ConfigError `PREFECT_URL` when it is none, or has a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ConfigError(
            "the address of the Prefect server is no http address without a login",
            code="PREFECT_URL",
            where="PREFECT_API_URL",
            allowed="https://host:port/api, with the login in PREFECT_API_AUTH_STRING",
            next_step="Correct it, or unset it: then the embedded server is used.",
        )
    return url.rstrip("/")


def prefect_database(url: str) -> str:
    """Return the address of Prefect's database, on the same server as Sluice's, for Prefect's driver.

    asyncpg calls libpq's `sslmode` `ssl`, and knows no other of libpq's parameters.
    """
    parts = urlsplit(url)
    query = [("ssl", value) for name, value in parse_qsl(parts.query) if name == "sslmode"]
    return urlunsplit(("postgresql+asyncpg", parts.netloc, f"/{PREFECT_DATABASE}", urlencode(query), ""))
