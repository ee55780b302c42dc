"""Projects by name, runs by id."""

from __future__ import annotations

from sqlalchemy import Connection, ScalarSelect, select
from sqlalchemy.dialects.postgresql import insert

from sluice.store.tables.runs import PipelineRun, Project


def project_id(connection: Connection, name: str, repository: str | None = None) -> int:
    """Return the number of project `name`, made when it is new; `repository` replaces what was known."""
    known = select(Project.id).where(Project.name == name)
    if repository is None and (found := connection.scalar(known)) is not None:
        return found
    row = insert(Project).values(name=name, repository=repository or "")
    update = {"repository": row.excluded.repository} if repository is not None else {"name": row.excluded.name}
    made = row.on_conflict_do_update(index_elements=["name"], set_=update).returning(Project.id)
    return int(connection.execute(made).scalar_one())


def known_run(run_id: str | None) -> ScalarSelect[str]:
    """Return the id of a run if there is such a run, else NULL: a settling at start-up acts outside of any run."""
    return select(PipelineRun.id).where(PipelineRun.id == run_id).scalar_subquery()
