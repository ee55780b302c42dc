"""The login of people who only look: role `sluice_reader`, which may read everything and change nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from sluice.services import credentials
from sluice.services.addresses import load
from sluice.settings import Settings

ROLE = "sluice_reader"
STATEMENT_LIMIT = "60s"
# Of the session when an outside database has no login for the role: what the role itself would have.
AS_READER = (
    f"-c role={ROLE} -c default_transaction_read_only=on -c statement_timeout={STATEMENT_LIMIT}"
    " -c idle_in_transaction_session_timeout=5min"
)


@dataclass(frozen=True)
class ReaderLogin:
    """Address without password, password, and options of the session."""

    url: str
    password: str | None = field(repr=False)
    options: str

    @property
    def environment(self) -> dict[str, str]:
        """What libpq takes from the environment: a command line is seen by everybody on the machine."""
        more = {"PGPASSWORD": self.password} if self.password else {}
        return {"PGOPTIONS": self.options, "PGAPPNAME": "sluice sql", "PGCONNECT_TIMEOUT": "5", **more}


def reader_login(settings: Settings) -> ReaderLogin:
    """Return how to log in for reading.

    The embedded Postgres lets the role itself in: no session can become more than a reader. An outside one does when
    SLUICE_READER_URL names such a login; otherwise the session of its owner becomes the role.

    Raises:
        InfrastructureError: `SERVICES_DOWN`: the services were never started here.
    """
    addresses = load(settings)
    if settings.reader_url is not None:
        return _login(settings.reader_url.get_secret_value(), AS_READER)
    password = credentials.reader_password(settings.home)
    if addresses.postgres_port is None or password is None:
        return _login(addresses.database_url, AS_READER)
    parts = urlsplit(addresses.database_url)
    place = f"{ROLE}:{quote(password, safe='')}@{parts.hostname}:{parts.port}"
    return _login(urlunsplit(parts._replace(netloc=place)), "")


def let_reader_in(database_url: str, password: str) -> None:
    """Give the role its login, on the embedded server, where every role is ours."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(database_url, autocommit=True) as connection:
        login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(password))
        connection.execute(login)
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))


def _login(url: str, options: str) -> ReaderLogin:
    from sluice.store.engine import database_url

    parsed = database_url(url).set(drivername="postgresql")
    bare = parsed._replace(password=None).render_as_string(hide_password=False)
    return ReaderLogin(url=bare, password=str(parsed.password) if parsed.password else None, options=options)
