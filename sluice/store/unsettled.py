"""Environments that a dead run left open."""

from __future__ import annotations

from sqlalchemy import Engine, text

from sluice.store.engine import asking, retry_database

# Nobody alive holds it, and there is something to settle: a lock of the dead, or a move without an end.
QUERY = """
SELECT p.name, e.name FROM environments e JOIN projects p ON p.id = e.project_id
LEFT JOIN environment_locks l ON l.environment_id = e.id
LEFT JOIN pipeline_runs r ON r.id = l.holder_run_id
WHERE (l.holder_run_id IS NULL OR l.lease_until < clock_timestamp() OR r.ended_at IS NOT NULL)
AND (l.holder_run_id IS NOT NULL
     OR EXISTS (SELECT FROM deployments d WHERE d.environment_id = e.id AND d.state = 'started')
     OR EXISTS (SELECT FROM rollbacks b WHERE b.environment_id = e.id AND b.state = 'started'))
ORDER BY p.name, e.name
"""


class Unsettled:
    """Asks which environments wait to be settled."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @retry_database
    def unsettled(self) -> tuple[tuple[str, str], ...]:
        """Return project and name of each environment that somebody left in the middle of a move, and nobody holds."""
        with asking(self.engine) as connection:
            return tuple((row[0], row[1]) for row in connection.execute(text(QUERY)))
