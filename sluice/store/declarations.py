"""What a project declared last: for what is asked for without a commit at hand, such as a rollback by hand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from sluice.store.engine import reading

NEWEST = """
SELECT r.config FROM pipeline_runs r JOIN projects p ON p.id = r.project_id
WHERE p.name = :project AND r.config -> 'environments' ? :environment ORDER BY r.number DESC LIMIT 1
"""


def last_declared(engine: Engine, project: str, environment: str) -> dict[str, Any] | None:
    """Return the newest effective configuration of `project` that declares `environment`; None when none does."""
    with reading(engine) as connection:
        found = connection.scalar(text(NEWEST), {"project": project, "environment": environment})
    return None if found is None else dict(found)
