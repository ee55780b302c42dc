"""The baselines of a branch, read for the boundaries."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, ProgrammingError

from sluice.records.history import ANY_BRANCH, ENOUGH, Baseline, History
from sluice.store.engine import reading, retry_database

# The environment's when it has runs enough; the branch's own when that has, else the default branch's when that has,
# else whatever there is.
QUERY = """
SELECT DISTINCT ON (b.metric) b.metric, b.branch, b.samples, b.median, b.mad, b.lowest, b.highest, b.latest,
       r.commit_sha AS commit
FROM baselines b JOIN projects p ON p.id = b.project_id
LEFT JOIN stage_runs s ON s.id = b.stage_run_id LEFT JOIN pipeline_runs r ON r.id = s.run_id
WHERE p.name = :project AND b.branch IN (:any_branch, :branch, :default_branch)
ORDER BY b.metric, (b.samples >= :enough) DESC, (b.branch = :any_branch) DESC, (b.branch = :branch) DESC
"""


@retry_database
def read_history(engine: Engine, project: str, branch: str, default_branch: str) -> History:
    """Return what is usual on `branch`; where it has too few runs, on the default branch; and in each environment.

    A table that is not there, or a row that makes no sense, is told as the history's problem: it stops the run at the
    boundary, as a check that could not run.

    Raises:
        DatabaseUnavailableError: Postgres is away.
    """
    values: dict[str, object] = {"project": project, "branch": branch, "default_branch": default_branch}
    values |= {"any_branch": ANY_BRANCH, "enough": ENOUGH}
    try:
        with reading(engine) as connection:
            found = connection.execute(text(QUERY), values).mappings().all()
        return History(baselines={row["metric"]: Baseline(**row) for row in found})
    except (ProgrammingError, DataError) as error:
        return History(problem=f"the baselines cannot be read: {error.orig}")
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return History(problem=f"a baseline makes no sense: {where}")
