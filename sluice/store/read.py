"""Reading runs, stages and history for people. Nothing here waits for a database that is away."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Engine, text

from sluice.errors import UsageError
from sluice.states import RunState, StageName, StageState
from sluice.store.engine import reading
from sluice.store.views import (
    ArtifactView,
    CheckView,
    EnvironmentView,
    FailureView,
    Point,
    RunLine,
    RunView,
    StageView,
)

__all__ = ["Reader", "RunLine", "RunView", "StageView"]

RUN = """
SELECT v.run_id::text AS id, v.number, v.project, v.kind, v.ref, v.ref_kind, v.commit_sha AS commit, v.subject,
       v.trigger, v.requested_by, v.state, v.reason, v.exit_code, v.seconds, v.created_at, v.started_at, v.ended_at,
       r.prefect_flow_run_id::text AS prefect_flow_run_id, r.resumes::text AS resumes
FROM v_runs v JOIN pipeline_runs r ON r.id = v.run_id
"""
NEWEST = """
WHERE (CAST(:project AS text) IS NULL OR v.project = :project) AND (CAST(:branch AS text) IS NULL OR v.ref = :branch)
ORDER BY v.number DESC LIMIT :limit
"""
STAGES = """
SELECT v.stage_run_id::text AS id, v.stage, v.state, v.headline, v.reason, v.seconds, v.tool_seconds,
       v.boundary_seconds, v.rows_seconds, v.reused_from_run::text AS reused_from_run, v.started_at, v.ended_at,
       coalesce(s.record, q.record) -> 'failures' AS failures
FROM v_stages v JOIN stage_runs s ON s.id = v.stage_run_id LEFT JOIN quarantine q ON q.stage_run_id = s.id
WHERE v.run_id = :run ORDER BY v.ordinal
"""
# Changes with every change of a row of the run: `xmin` is the transaction that wrote it.
MARK = """
SELECT concat(r.state, r.xmin, (SELECT string_agg(concat(s.id, s.xmin), ',' ORDER BY s.id)
                                FROM stage_runs s WHERE s.run_id = r.id))
FROM pipeline_runs r WHERE r.id = :run
"""
# A reused stage has the checks of the one that made its result; what was judged again takes their place.
CHECKS = """
SELECT s.id::text AS id, q.code, q.name, q.severity, q.status, q.expected, q.observed, q.message, q.next_step,
       CASE WHEN w.code IS NULL THEN ''
            ELSE concat(w.effect, ', until ', w.expires, ', by ', w.owner, ': ', w.reason) END AS waiver
FROM stage_runs s JOIN quality_checks q ON q.stage_run_id IN (s.id, s.reused_from)
LEFT JOIN check_waivers w ON w.stage_run_id = q.stage_run_id AND w.code = q.code
WHERE s.run_id = :run AND (q.stage_run_id = s.id OR NOT EXISTS (
    SELECT FROM quality_checks own WHERE own.stage_run_id = s.id AND own.code = q.code))
ORDER BY s.ordinal, q.stage_run_id = s.reused_from, q.ordinal
"""
ARTIFACTS = """
SELECT s.id::text AS id, n.name, a.sha256, a.size, a.media_type
FROM stage_runs s JOIN stage_artifacts n ON n.stage_run_id = coalesce(s.reused_from, s.id)
JOIN artifacts a ON a.sha256 = n.sha256 WHERE s.run_id = :run ORDER BY s.ordinal, n.name, a.sha256
"""
# The newest three test stages that really ran: a stage of which some cells were reused holds only the others.
DURATIONS = """
SELECT DISTINCT ON (t.test_id) t.test_id, t.duration
FROM (SELECT s.id, s.number FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
      JOIN projects p ON p.id = r.project_id
      WHERE p.name = :project AND s.stage = 'test' AND s.state IN ('passed', 'failed')
      ORDER BY s.number DESC LIMIT 3) s
JOIN test_executions e ON e.stage_run_id = s.id
JOIN test_results t ON t.execution_id = e.id AND t.start_time = e.start_time
WHERE t.duration IS NOT NULL AND t.status <> 'skipped'
ORDER BY t.test_id, s.number DESC, t.duration DESC
"""
HISTORY = """
SELECT v.run_id::text AS run_id, v.value, v.unit, v.recorded_at FROM v_metrics v
WHERE v.project = :project AND v.branch = :branch AND v.metric = :metric ORDER BY v.run_number DESC LIMIT :limit
"""
ENVIRONMENTS = """
SELECT project, environment, target, port, release_digest, version, commit_sha AS commit, since,
       locked_by_run::text AS locked_by_run, locked_for
FROM v_environments WHERE :project::text IS NULL OR project = :project ORDER BY project, environment
""".replace(":project::text", "CAST(:project AS text)")
CANDIDATES = 5  # runs that an unclear id names
ID_START = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")


class Reader:
    """Answers questions about runs. Every method asks the database afresh.

    Raises:
        DatabaseUnavailableError: Postgres is away.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run_view(self, run_id: str) -> RunView | None:
        """Return a run with its stages, their checks, red tests and files; None when there is no such run."""
        with reading(self.engine) as connection:
            row = connection.execute(text(RUN + "WHERE v.run_id = :run"), {"run": run_id}).mappings().one_or_none()
            if row is None:
                return None
            return RunView(**_run(row), stages=tuple(_stages(connection, run_id)))

    def mark(self, run_id: str) -> str | None:
        """Return what differs whenever :meth:`run_view` may; for who asks often. None when there is no such run."""
        with reading(self.engine) as connection:
            found: str | None = connection.scalar(text(MARK), {"run": run_id})
        return found

    def runs(self, project: str | None = None, limit: int = 20, branch: str | None = None) -> tuple[RunLine, ...]:
        """Return the newest runs, newest first; of one project, of one branch or tag when they are given."""
        values = {"project": project, "limit": limit, "branch": branch}
        with reading(self.engine) as connection:
            found = connection.execute(text(RUN + NEWEST), values).mappings().all()
        return tuple(RunLine(**_run(row)) for row in found)

    def resolve_run(self, name: str, project: str | None = None, branch: str | None = None) -> RunView:
        """Return the run that `name` means: `latest` (of a project and branch), an id, or the beginning of one.

        Raises:
            UsageError: `RUN_UNKNOWN`; `RUN_UNCLEAR` with the runs that begin so.
        """
        ids = [run.id for run in self.runs(project, 1, branch)] if name == "latest" else self._ids(name.lower())
        if len(ids) > 1:
            raise unclear(name, ids, filter(None, map(self.run_view, ids[:CANDIDATES])))
        view = self.run_view(ids[0]) if ids else None
        if view is None:
            raise UsageError(
                "there is no such run",
                code="RUN_UNKNOWN",
                found=name,
                where=" ".join(filter(None, (project and f"project {project}", branch and f"branch {branch}"))),
                allowed="latest, or the first four or more characters of a run's id",
                next_step="`sluice runs` lists them.",
            )
        return view

    def _ids(self, start: str) -> list[str]:
        if not ID_START.fullmatch(start):
            return []
        query = "SELECT id::text FROM pipeline_runs WHERE id::text LIKE :start || '%' ORDER BY number DESC LIMIT 100"
        with reading(self.engine) as connection:
            return [str(found) for found in connection.scalars(text(query), {"start": start})]

    def stage_record(self, run_id: str, stage: StageName) -> dict[str, Any] | None:
        """Return the record that a stage handed to its boundary, rejected ones too, as JSON; None without one."""
        query = """SELECT coalesce(s.record, q.record) FROM stage_runs s LEFT JOIN quarantine q ON q.stage_run_id = s.id
                   WHERE s.run_id = :run AND s.stage = :stage"""
        with reading(self.engine) as connection:
            found = connection.scalar(text(query), {"run": run_id, "stage": str(stage)})
        return None if found is None else dict(found)

    def durations(self, project: str) -> dict[str, float]:
        """Return test id → seconds as last recorded; the slowest cell counts."""
        with reading(self.engine) as connection:
            found = connection.execute(text(DURATIONS), {"project": project})
            return {str(row.test_id): float(row.duration) for row in found}

    def history(self, project: str, branch: str, metric: str, limit: int = 50) -> tuple[Point, ...]:
        """Return the newest values of a metric on a branch, newest first."""
        values = {"project": project, "branch": branch, "metric": metric, "limit": limit}
        with reading(self.engine) as connection:
            return tuple(Point(**row) for row in connection.execute(text(HISTORY), values).mappings())

    def environments(self, project: str | None = None) -> tuple[EnvironmentView, ...]:
        """Return each environment with what serves there and who holds it."""
        with reading(self.engine) as connection:
            found = connection.execute(text(ENVIRONMENTS), {"project": project}).mappings().all()
        return tuple(EnvironmentView(**row) for row in found)

    def projects_with(self, environment: str) -> tuple[str, ...]:
        """Return the names of projects that have an environment of this name."""
        return tuple(view.project for view in self.environments() if view.environment == environment)


def unclear(name: str, ids: Sequence[str], shown: Iterable[RunLine]) -> UsageError:
    """Return the error for the beginning of several ids: it names the newest runs that it may mean."""
    told = [f"{run.id[:13]} ({run.project} {run.ref}, {run.state}, {run.created_at:%Y-%m-%d %H:%M})" for run in shown]
    more = [f"and {len(ids) - len(told)} more"] if len(ids) > len(told) else []
    return UsageError(
        f"{len(ids)} runs begin so",
        code="RUN_UNCLEAR",
        found=name,
        allowed="; ".join(told + more),
        next_step="Give more of the run's id.",
    )


def _run(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {**row, "state": RunState(row["state"])}


def _stages(connection: Connection, run_id: str) -> Iterable[StageView]:
    values = {"run": run_id}
    checks: dict[str, list[CheckView]] = defaultdict(list)
    for row in connection.execute(text(CHECKS), values).mappings():
        checks[row["id"]].append(CheckView(**_without_id(row)))
    artifacts: dict[str, list[ArtifactView]] = defaultdict(list)
    for row in connection.execute(text(ARTIFACTS), values).mappings():
        artifacts[row["id"]].append(ArtifactView(**_without_id(row)))
    for row in connection.execute(text(STAGES), values).mappings():
        details = {
            "state": StageState(row["state"]),
            "failures": tuple(_failure(failure) for failure in row["failures"] or ()),
            "checks": tuple(checks[row["id"]]),
            "artifacts": tuple(artifacts[row["id"]]),
        }
        yield StageView(**{**row, **details})


def _without_id(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _failure(failure: Mapping[str, str]) -> FailureView:
    return FailureView(**{each.name: failure.get(each.name, "") for each in fields(FailureView)})
