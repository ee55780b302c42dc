"""Environments by name, and their ports."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from sluice.errors import ConfigError, InfrastructureError
from sluice.store.engine import asking, retry_database
from sluice.store.projects import project_id
from sluice.store.tables.environments import Environment
from sluice.store.tables.runs import Project

TRIES = 20


def find_environment(connection: Connection, project: str, environment: str) -> int | None:
    """Return the number of an environment, None when nothing was ever deployed to it."""
    query = select(Environment.id).join(Project).where(Project.name == project, Environment.name == environment)
    return connection.scalar(query)


def environment_id(connection: Connection, project: str, environment: str) -> int:
    """Return the number of an environment, made when it is new."""
    found = find_environment(connection, project, environment)
    if found is not None:
        return found
    row = insert(Environment).values(project_id=project_id(connection, project), name=environment)
    connection.execute(row.on_conflict_do_nothing(index_elements=["project_id", "name"]))
    found = find_environment(connection, project, environment)
    assert found is not None
    return found


def _free_port() -> int:
    from sluice.targets.ports import free_ports  # only the first deploy to an environment needs it

    return free_ports(1)[0]


class Ports:
    """The port of each environment: chosen once, or the one that `sluice.yaml` names."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def environment_port(
        self, project: str, environment: str, wanted: int | None = None, choose: Callable[[], int] = _free_port
    ) -> int:
        """Return the environment's port on 127.0.0.1; `choose` proposes one when there is none yet.

        Raises:
            ConfigError: `PORT_TAKEN`: the port that was wanted belongs to another environment.
        """
        kept = self._kept_port(project, environment)
        if kept is not None and wanted in (None, kept):
            return kept
        for _ in range(TRIES):
            port = wanted or choose()
            try:
                return self._keep_port(project, environment, port, replace=wanted is not None)
            except IntegrityError:
                if wanted is not None:
                    raise self._taken(wanted, environment) from None
        raise InfrastructureError(f"no port is left for environment {environment}", code="PORTS_USED_UP")

    @retry_database
    def _kept_port(self, project: str, environment: str) -> int | None:
        with self.engine.begin() as connection:
            known = environment_id(connection, project, environment)
            return connection.scalar(select(Environment.port).where(Environment.id == known))

    @retry_database
    def _keep_port(self, project: str, environment: str, port: int, *, replace: bool) -> int:
        with self.engine.begin() as connection:
            known = environment_id(connection, project, environment)
            row = update(Environment).where(Environment.id == known)
            row = row if replace else row.where(Environment.port.is_(None))
            connection.execute(row.values(port=port))
            kept = connection.scalar(select(Environment.port).where(Environment.id == known))
        assert kept is not None
        return kept

    @retry_database
    def _taken(self, port: int, environment: str) -> ConfigError:
        query = select(Project.name, Environment.name).join(Project).where(Environment.port == port)
        with asking(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        return ConfigError(
            f"port {port} already belongs to {f'{row[1]} of {row[0]}' if row else 'another environment'}",
            code="PORT_TAKEN",
            where=f"environments.{environment}.port",
            next_step="Name another port, or leave it out: Sluice chooses a free one.",
        )
