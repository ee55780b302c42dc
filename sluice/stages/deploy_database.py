"""What is done to a service's own database is done by commands of its release, with the release's variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sluice.command import mask
from sluice.config.migrate import MigrateConfig
from sluice.records.backup import Migration
from sluice.secrets import resolve
from sluice.stages import backup as backups
from sluice.stages.backup import Schema
from sluice.stages.deploy_preflight import configuration
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_turn import Turn
from sluice.targets.base import Launch
from sluice.tools.postgres_client import Address, address

SHOWN = 500


@dataclass(frozen=True)
class Commands:
    """The commands of one release on its environment's database."""

    mine: Turn
    launch: Launch
    secrets: Mapping[str, str]
    wanted: MigrateConfig
    url: str
    place: Address

    def run(self, words: Sequence[str], mark: str) -> str:
        """Run one; return what went wrong, "" for nothing. `mark` names it for who must end it after a kill."""
        given = {**self.secrets, self.wanted.variable: self.url, "PGAPPNAME": mark}
        said = self.mine.site.target.ask(self.launch, given, list(words), self.wanted.timeout)
        hidden = [value for value in (self.url, *self.place.hidden, *self.secrets.values()) if len(value) > 3]
        told = mask(" ".join(said.output.split()), hidden)[-SHOWN:]
        if said.exit_code == 0:
            return ""
        how = f"exit code {said.exit_code}" if said.exit_code is not None else f"no end in {self.wanted.timeout:g} s"
        return f"{words[0]}: {how}: {told}"

    def schema(self) -> Schema:
        """Return the schema as it is now."""
        return backups.schema_of(self.place, self.wanted.version, self.mine.world.home, self.wanted.timeout)


def secret_of(kept: Kept) -> dict[str, str]:
    """Return name → value of the database's address and its password, for who looks whether they leaked.

    Raises:
        DeployRefusedError, ConfigError: there is none behind the reference, or it is no address.
    """
    wanted = kept.declaration.migrate
    if wanted is None:
        return {}
    value = resolve({"database": wanted.database}, "migrate")["database"]
    password = "".join(address(value, "migrate.database").hidden)
    return {"migrate.database": value, "the password in migrate.database": password}


def place_of(wanted: MigrateConfig, environment: str) -> tuple[str, Address]:
    """Return the database's address as it is declared, and its parts."""
    where = f"environments.{environment}.migrate"
    value = resolve({"database": wanted.database}, where)["database"]
    return value, address(value, f"{where}.database")


def commands_for(mine: Turn, launch: Launch, secrets: Mapping[str, str], wanted: MigrateConfig) -> Commands:
    url, place = place_of(wanted, mine.site.environment)
    return Commands(mine, launch, secrets, wanted, url, place)


def commands_of(mine: Turn, migration: Migration) -> Commands | None:
    """Return the commands of the release that migrated, made ready again."""
    kept = mine.site.kept(migration.release_digest)
    if kept is None or kept.declaration.migrate is None:
        return None
    launch = launch_of(mine, kept, migration.deployment_id)
    return commands_for(mine, launch, configuration(kept.declaration, mine.site.environment), kept.declaration.migrate)


def launch_of(mine: Turn, kept: Kept, deployment_id: str = "") -> Launch:
    """Return what a command of a release is run with; the release is made ready."""
    site = mine.site
    ready = site.target.prepare(kept.release, kept.service, kept.declaration, site.log)
    return Launch(
        project=site.project,
        environment=site.environment,
        deployment_id=deployment_id,
        run_id=mine.run_id,
        release=kept.release,
        service=kept.service,
        declaration=kept.declaration,
        path=ready.path,
        python=ready.python,
    )
