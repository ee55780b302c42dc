"""The steps of canaries, written and read."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from sluice.records.deploy import CanaryStep
from sluice.store.engine import asking, retry_database
from sluice.store.locks import Fenced
from sluice.store.moves import confirm_open
from sluice.store.tables.canaries import CanaryStep as Row
from sluice.store.tables.deployments import Deployment
from sluice.store.texts import storable_text


class Canaries:
    """Writes under the lock, as all of the journal is."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @retry_database
    def canary_step(self, lease: Fenced, deployment_id: str, step: CanaryStep) -> None:
        """Write how both releases answered in a step of a canary, and the verdict.

        Raises:
            LeaseLostError: the lock was lost, or somebody has settled the deployment.
        """
        told = step.model_dump() | {"reason": storable_text(step.reason)}
        with self.engine.begin() as connection:
            confirm_open(connection, Deployment, deployment_id, lease)
            row = insert(Row).values(deployment_id=deployment_id, **told)
            connection.execute(row.on_conflict_do_nothing(index_elements=["deployment_id", "ordinal"]))

    @retry_database
    def canary_steps(self, deployment_id: str) -> tuple[CanaryStep, ...]:
        """Return the steps of a deployment, in order; none when it took over at once."""
        query = select(Row.__table__).where(Row.deployment_id == deployment_id).order_by(Row.ordinal)
        with asking(self.engine) as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(CanaryStep(**{name: row[name] for name in CanaryStep.model_fields}) for row in rows)
