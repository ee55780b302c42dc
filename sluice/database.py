"""The one connection pool of a process to Sluice's tables."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Engine

from sluice.services.addresses import load
from sluice.settings import current_settings
from sluice.store.engine import engine_for
from sluice.store.guard import guarded


@lru_cache(maxsize=1)
def database() -> Engine:
    """Return the engine for the database that the settings name; opened at its first use.

    Never call it in a process that forks (the warm process): a connection must not be shared.

    Raises:
        InfrastructureError: `SERVICES_DOWN` when the services were never started; at its first use `SCHEMA_OLDER` or
            `SCHEMA_NEWER` when the database is not of this Sluice's schema.
    """
    return guarded(engine_for(load(current_settings()).database_url))
