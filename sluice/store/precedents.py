"""What earlier accepted runs of a project established, for the boundaries of a new one."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Engine, text

from sluice.store.engine import asking, retry_database

TAGGED = """
SELECT DISTINCT s.record -> 'release' ->> 'digest' FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = r.project_id
WHERE p.name = :project AND r.ref_kind = 'tag' AND r.ref_name = :tag AND s.stage = 'build'
AND s.state IN ('passed', 'reused') ORDER BY 1
"""
# The newest of this branch, else of any: a new branch comes from one that was built before.
BASE = """
SELECT s.record ->> 'base' FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = r.project_id
WHERE p.name = :project AND s.stage = 'build' AND s.state IN ('passed', 'reused') AND s.record ->> 'base' <> ''
ORDER BY r.ref_name IS NOT DISTINCT FROM :branch DESC, s.number DESC LIMIT 1
"""
# A scan that passed only: what a red scan found was never let through, and a rerun must not make it old.
FINDINGS = """
WITH base AS (
    SELECT coalesce(s.reused_from, s.id) AS id, r.project_id FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
    JOIN projects p ON p.id = r.project_id
    WHERE p.name = :project AND r.ref_name = :branch AND s.stage = 'scan' AND s.state IN ('passed', 'reused')
    AND r.id <> :run ORDER BY s.number DESC LIMIT 1)
SELECT f.fingerprint, f.severity, (min(every.found_at) AT TIME ZONE 'UTC')::date
FROM base JOIN findings f ON f.stage_run_id = base.id
JOIN findings every ON every.project_id = base.project_id AND every.fingerprint = f.fingerprint
GROUP BY f.fingerprint, f.severity
"""

SERVED = """
SELECT DISTINCT d.commit_sha FROM v_deployments d JOIN pipeline_runs r ON r.id = d.run_id
WHERE d.project = :project AND d.serves_now AND d.move = 'deploy' AND d.commit_sha IS NOT NULL
AND r.ref_kind = 'branch' AND r.ref_name = :branch ORDER BY 1
"""


class Precedents:
    """Asks for what was accepted before, as the branch or tag `ref_name` of `project` sees it."""

    def __init__(self, engine: Engine, project: str, ref_name: str) -> None:
        self.engine = engine
        self.project = project
        self.ref_name = ref_name

    def tag_digests(self, tag: str) -> tuple[str, ...]:
        """Return the digests of all releases that were accepted under a tag."""
        return tuple(str(digest) for digest in self._ask(TAGGED, tag=tag))

    def served(self) -> tuple[str, ...]:
        """Return the commits of the branch that serve somewhere now."""
        return tuple(str(commit) for commit in self._ask(SERVED, branch=self.ref_name))

    def base(self) -> str:
        """Return the interpreter of the newest accepted build; empty when there is none."""
        return next((str(base) for base in self._ask(BASE, branch=self.ref_name)), "")

    @retry_database
    def findings(self, branch: str, run_id: str) -> dict[str, tuple[str, date]]:
        """Return severity and first day of each finding of the newest passed scan of a branch, by fingerprint."""
        with asking(self.engine) as connection:
            found = connection.execute(text(FINDINGS), {"project": self.project, "branch": branch, "run": run_id})
            return {row[0]: (row[1], row[2]) for row in found}

    @retry_database
    def _ask(self, query: str, **values: Any) -> list[Any]:
        with asking(self.engine) as connection:
            return list(connection.scalars(text(query), {"project": self.project, **values}))
