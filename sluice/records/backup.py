"""Records of backups of a service's database, and of what its migrations did."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from sluice.records.common import Frozen


class TableContent(Frozen):
    """One table as it was dumped: how many rows, and a hash of them that does not depend on their order."""

    name: str
    rows: int = Field(ge=0)
    content: str


class Backup(Frozen):
    """A dump of a service's database in the `backups` folder, with all that a restore is held against."""

    id: str
    project: str
    environment: str
    database: str = Field(description="host:port/name")
    server: int = Field(description="major version of the server")
    tool: str = Field(description="version of pg_dump")
    version: str = Field(description="the schema's version")
    schema_sha256: str
    sha256: str
    size: int = Field(ge=0)
    tables: tuple[TableContent, ...]
    taken_at: AwareDatetime

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)


class Migration(Frozen):
    """What is known of the migration that a deployment ran.

    `state`: running (begun), done (the schema is the new one), kept (it stays though its release does not serve),
    undone or restored (the schema is the old one again), failed (it changed nothing).
    """

    deployment_id: str
    release_digest: str
    backup_id: str
    reversible: bool
    version_before: str
    version_after: str | None
    schema_before: str
    schema_after: str | None
    state: str
