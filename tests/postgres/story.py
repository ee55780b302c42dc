"""A small history with planted answers for the cookbook: two projects, ninety days, each row put there by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

Case = tuple[str, float | None]
GREEN, FLAKY, RED, SKIPPED = "passed", "flaky", "failed", "skipped"
EXITS = {"passed": 0, "failed": 10, "rolled_back": 15}
COUNTS = {"passed_tests": GREEN, "flaky_tests": FLAKY, "failed_tests": RED, "skipped_tests": SKIPPED}


def commit_of(name: str) -> str:
    """Return a full hash that begins with a readable name."""
    return name.encode().hex().ljust(40, "0")[:40]


def digest_of(name: str) -> str:
    """Return a digest that begins with a readable name."""
    return "sha256:" + name.encode().hex().ljust(64, "0")[:64]


class Story:
    """Writes rows at times before now, by the database's clock."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        ((self.now,),) = connection.execute("SELECT now()").fetchall()
        self.projects: dict[str, int] = {}
        self.environments: dict[tuple[str, str], int] = {}

    def ago(self, days: float) -> datetime:
        """Return the time so many days ago."""
        moment: datetime = self.now - timedelta(days=days)
        return moment

    def put(self, table: str, returning: str | None = None, **values: Any) -> Any:
        """Insert one row; return a column of it."""
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        places = sql.SQL(", ").join([sql.Placeholder()] * len(values))
        end = sql.SQL(" RETURNING {}").format(sql.Identifier(returning)) if returning else sql.SQL("")
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}){}").format(sql.Identifier(table), names, places, end)
        cells = [Jsonb(value) if isinstance(value, dict) else value for value in values.values()]
        cursor = self.connection.execute(query, cells)
        row = cursor.fetchone() if returning else None
        return row[0] if row else None

    def project(self, name: str) -> int:
        """Return the project's number, made when it is missing."""
        if name not in self.projects:
            self.projects[name] = self.put("projects", "id", name=name, repository=f"/srv/{name}")
        return self.projects[name]

    def commit(self, project: str, name: str, days: float, author: str, subject: str) -> str:
        """Put a commit of so many days ago; return its hash."""
        when, sha = self.ago(days), commit_of(name)
        self.put(
            "commits",
            "sha",
            project_id=self.project(project),
            sha=sha,
            tree=sha,
            parents=[],
            author_name=author,
            author_email=f"{author}@example.org",
            authored_at=when,
            committed_at=when,
            subject=subject,
            body="",
            seen_at=when,
        )
        return sha

    def run(
        self,
        project: str,
        days: float,
        commit: str,
        *,
        branch: str = "main",
        state: str = "passed",
        queued: float = 5.0,
    ) -> str:
        """Put a run of 200 s that waited so many seconds; return its id."""
        created = self.ago(days)
        started = created + timedelta(seconds=queued)
        run_id: str = self.put(
            "pipeline_runs",
            "id",
            id=str(uuid4()),
            project_id=self.project(project),
            repository=f"/srv/{project}",
            requested_ref=branch,
            ref_kind="branch",
            ref_name=branch,
            commit_sha=commit,
            trigger="webhook",
            state=state,
            exit_code=EXITS[state],
            created_at=created,
            started_at=started,
            ended_at=started + timedelta(seconds=200),
        )
        return run_id

    def stage(
        self,
        run_id: str,
        stage: str,
        seconds: float,
        state: str = "passed",
        *,
        reused: str | None = None,
        **record: Any,
    ) -> str:
        """Put a stage that took so many seconds; return its id."""
        query = "SELECT started_at FROM pipeline_runs WHERE id = %s"
        ((started,),) = self.connection.execute(query, [run_id]).fetchall()
        stage_id: str = self.put(
            "stage_runs",
            "id",
            id=str(uuid4()),
            run_id=run_id,
            stage=stage,
            ordinal=1,
            state=state,
            record=record,
            reused_from=reused,
            started_at=started,
            ended_at=started + timedelta(seconds=seconds),
        )
        return stage_id

    def check(self, stage_id: str, code: str, status: str, severity: str = "stop", name: str = "NAME") -> None:
        """Put one result of a boundary."""
        ((number,),) = self.connection.execute(
            "SELECT count(*) + 1 FROM quality_checks WHERE stage_run_id = %s", [stage_id]
        ).fetchall()
        self.put(
            "quality_checks",
            stage_run_id=stage_id,
            ordinal=number,
            code=code,
            name=name,
            severity=severity,
            status=status,
            expectation="",
            expected="",
            observed="",
        )

    def tests(
        self,
        stage_id: str,
        cases: dict[str, Case],
        files: dict[str, tuple[int, int]] | None = None,
        cell: str = "py3.11",
    ) -> None:
        """Put an execution with its cases (id → status, seconds) and its coverage (path → lines, covered lines)."""
        query = "SELECT s.started_at, r.project_id FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id"
        ((started, project),) = self.connection.execute(query + " WHERE s.id = %s", [stage_id]).fetchall()
        statuses = [status for status, _ in cases.values()]
        ((number,),) = self.connection.execute(
            "SELECT count(*) + 1 FROM test_executions WHERE stage_run_id = %s", [stage_id]
        ).fetchall()
        lines = {"lines_valid": None, "lines_covered": None}
        if files:
            lines = {name: sum(file[place] for file in files.values()) for place, name in enumerate(lines)}
        execution = self.put(
            "test_executions",
            "id",
            id=str(uuid4()),
            project_id=project,
            stage_run_id=stage_id,
            ordinal=number,
            cell=cell,
            framework_name="pytest",
            command=["pytest"],
            status="failed" if RED in statuses else "passed",
            exit_code=int(RED in statuses),
            start_time=started,
            end_time=started + timedelta(seconds=50),
            execution_time=50,
            total_tests=len(cases),
            **{column: statuses.count(status) for column, status in COUNTS.items()},
            **lines,
        )
        for ordinal, (test_id, (status, seconds)) in enumerate(cases.items(), start=1):
            self.put(
                "test_results",
                execution_id=execution,
                ordinal=ordinal,
                start_time=started,
                test_id=test_id,
                status=status,
                duration=seconds,
                message="it broke" if status == RED else "",
            )
        for path, (valid, covered) in (files or {}).items():
            known = {"lines_valid": valid, "lines_covered": covered, "branches_valid": 0, "branches_covered": 0}
            self.put("coverage_files", **{"execution_id": execution, "path": path, "missing_lines": "1-9"}, **known)

    def scan(
        self, run_id: str, digest: str, findings: dict[str, str], packages: dict[str, str], waived: str = ""
    ) -> None:
        """Put an accepted scan: rule → severity, package → version."""
        stage_id = self.stage(run_id, "scan", 10, subject_digest=digest)
        query = "SELECT s.ended_at, r.project_id FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id"
        ((ended, project),) = self.connection.execute(query + " WHERE s.id = %s", [stage_id]).fetchall()
        for rule, severity in findings.items():
            self.put(
                "findings",
                stage_run_id=stage_id,
                fingerprint=f"print-{rule}",
                found_at=ended,
                project_id=project,
                kind="vulnerability",
                rule=rule,
                severity=severity,
                title=f"About {rule}",
                tools=[],
                package="urllib3",
                waived=rule == waived,
                blocking=False,
            )
        for number, (name, version) in enumerate(packages.items(), start=1):
            known = {"name": name, "version": version, "type": "pypi", "licences": []}
            self.put("packages", **{"stage_run_id": stage_id, "ordinal": number}, **known)

    def release(self, project: str, name: str, commit: str) -> str:
        """Put a release; return its digest."""
        known = {
            "digest": digest_of(name),
            "kind": "bundle",
            "version": name,
            "commit_sha": commit,
            "size": 1,
            "record": {},
        }
        digest: str = self.put("releases", "digest", project_id=self.project(project), **known)
        return digest

    def move(
        self,
        run_id: str,
        project: str,
        place: str,
        digest: str,
        ended: float,
        *,
        state: str = "serving",
        undoes: str = "",
    ) -> str:
        """Put a deploy of 30 s that ended so many days ago; a rollback when it undoes a digest. Return its id."""
        key = (project, place)
        if key not in self.environments:
            known = {"project_id": self.project(project), "name": place, "target": "process"}
            self.environments[key] = self.put("environments", "id", **known)
        ended_at = self.ago(ended)
        common = {
            "id": str(uuid4()),
            "run_id": run_id,
            "project_id": self.project(project),
            "environment_id": self.environments[key],
            "target": "process",
            "fence": 1,
            "state": state,
            "started_at": ended_at - timedelta(seconds=30),
            "ended_at": ended_at,
        }
        table = "rollbacks" if undoes else "deployments"
        own = (
            {"from_digest": undoes, "to_digest": digest, "reason": "smoke failed", "validated": True}
            if undoes
            else {"release_digest": digest, "smoke_passed": state == "serving"}
        )
        move: str = self.put(table, "id", **common, **own)
        return move
