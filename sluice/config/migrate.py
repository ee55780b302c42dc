"""How an environment's database is migrated: the `migrate` part of an environment in `sluice.yaml`."""

from __future__ import annotations

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.texts import SecretReference, ServiceVariable
from sluice.config.units import Duration


class MigrateConfig(Declared):
    """A command that brings the service's own database to what the new release needs, before the switch."""

    command: tuple[str, ...] = Field(
        min_length=1, description="Command of the new release, as a list of words, e.g. `[alembic, upgrade, head]`."
    )
    database: SecretReference = Field(
        description="Address of the PostgreSQL database: `env:NAME`, `file:/path` or `block:name`."
    )
    variable: ServiceVariable = Field(
        default="DATABASE_URL", description="Variable in which the commands find that address."
    )
    version: str | None = Field(
        default=None,
        min_length=1,
        description="Query of one value that names the schema's version, e.g. `SELECT version_num FROM "
        "alembic_version`; a digest of the schema when left out.",
    )
    reversible: bool = Field(default=False, strict=True, description="`down` takes back what `command` did.")
    down: tuple[str, ...] = Field(
        default=(), description="Command that goes back; `{version}` is replaced by the version to go back to."
    )
    restore: bool = Field(
        default=False,
        strict=True,
        description="Put the backup back when `command` fails half-way; what was written meanwhile is lost.",
    )
    keep: int = Field(default=10, strict=True, ge=1, le=1000, description="Backups of the environment that are kept.")
    timeout: Duration = Field(default=900.0, description="Time limit of each command, of backup and of restore.")
