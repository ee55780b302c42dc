"""Rows of the looks at what serves, and the findings that run where."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, insert, text

from sluice.records.common import ArtifactRef
from sluice.records.rescan import Rescan, Served
from sluice.store.audit import record_event
from sluice.store.engine import reading
from sluice.store.tables.rescans import Rescan as RescanRow
from sluice.store.tables.rescans import RescanFinding
from sluice.store.texts import storable_text

# What serves, with the bill of materials and the findings of its newest passed scan, and what earlier looks found.
SERVED = text("""
    SELECT v.project, v.environment, e.id AS environment_id, v.release_digest, s.record -> 'sbom' AS sbom,
           ARRAY(SELECT f.fingerprint FROM findings f WHERE f.stage_run_id = s.id) AS known,
           ARRAY(SELECT f.fingerprint FROM rescan_findings f JOIN rescans x ON x.id = f.rescan_id
                 WHERE x.environment_id = e.id AND x.release_digest = v.release_digest AND f.is_new) AS told
    FROM v_environments v
    JOIN projects p ON p.name = v.project
    JOIN environments e ON e.project_id = p.id AND e.name = v.environment
    LEFT JOIN LATERAL (
        SELECT s.id, s.record FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
        WHERE r.project_id = p.id AND s.stage = 'scan' AND s.state = 'passed'
          AND s.record ->> 'subject_digest' = v.release_digest ORDER BY s.ended_at DESC LIMIT 1
    ) s ON true
    WHERE v.release_digest IS NOT NULL ORDER BY v.project, v.environment
""")
RUNNING = """
    SELECT project, environment, release_digest, severity, kind, rule, title, package, version, fixed_version, score,
           layer, from_base, waived, path, fingerprint, url, seen_by, first_seen
    FROM v_running_findings
    WHERE (CAST(:cve AS text) IS NULL OR rule = :cve) AND (CAST(:project AS text) IS NULL OR project = :project)
      AND (CAST(:environment AS text) IS NULL OR environment = :environment)
    ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low', 'unknown'], severity), rule, package, project,
             environment
"""
# What serves, and was looked through for vulnerabilities neither by its scan nor since.
UNSCANNED = """
    SELECT v.project, v.environment
    FROM v_environments v
    JOIN projects p ON p.name = v.project
    JOIN environments e ON e.project_id = p.id AND e.name = v.environment
    WHERE v.release_digest IS NOT NULL AND (CAST(:project AS text) IS NULL OR v.project = :project)
      AND (CAST(:environment AS text) IS NULL OR v.environment = :environment)
      AND NOT EXISTS (
        SELECT FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
        WHERE r.project_id = p.id AND s.stage = 'scan' AND s.state = 'passed'
          AND s.record ->> 'subject_digest' = v.release_digest AND s.record ->> 'vulnerabilities_scanned' = 'true')
      AND NOT EXISTS (
        SELECT FROM rescans x
        WHERE x.environment_id = e.id AND x.release_digest = v.release_digest AND x.problem = '')
    ORDER BY v.project, v.environment
"""
NEW_FINDING = "new_finding"


def served(engine: Engine) -> tuple[Served, ...]:
    """Return what serves in each environment."""
    with reading(engine) as connection:
        rows = connection.execute(SERVED).mappings().all()
    return tuple(
        Served(
            project=row["project"],
            environment=row["environment"],
            environment_id=row["environment_id"],
            release_digest=row["release_digest"],
            sbom=ArtifactRef.model_validate(row["sbom"]) if row["sbom"] else None,
            known=frozenset(row["known"]),
            told=frozenset(row["told"]),
        )
        for row in rows
    )


def keep(engine: Engine, look: Rescan) -> None:
    """Write a look and what it found in one transaction, with an audit event for each finding that is told first."""
    mine = {"environment_id": look.served.environment_id, "release_digest": look.served.release_digest}
    seen = {"problem": storable_text(look.problem), "packages": look.packages}
    with engine.begin() as connection:
        row = insert(RescanRow).values(mine | seen | {"database_updated_at": look.database_updated_at})
        number = connection.execute(row.returning(RescanRow.id)).scalar_one()
        new = {finding.fingerprint for finding in look.new}
        names = ("fingerprint", "rule", "title", "package", "version", "fixed_version", "score", "url")
        rows = [
            {name: getattr(each, name) for name in names}
            | {"rescan_id": number, "severity": each.severity.value, "is_new": each.fingerprint in new}
            for each in look.findings
        ]
        if rows:
            connection.execute(insert(RescanFinding), rows)
        for each in look.untold:
            detail = {"rule": each.rule, "package": each.package or "", "release": look.served.release_digest}
            record_event(connection, "sluice", NEW_FINDING, "environment", str(look.served.environment_id), **detail)


def running_findings(
    engine: Engine, cve: str | None = None, project: str | None = None, environment: str | None = None
) -> list[dict[str, Any]]:
    """Return the findings of what serves, worst first, narrowed to one CVE, project or environment."""
    asked = {"cve": cve, "project": project, "environment": environment}
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(text(RUNNING), asked).mappings()]


def unscanned(engine: Engine, project: str | None = None, environment: str | None = None) -> list[str]:
    """Return project and environment of what serves and was never looked through for vulnerabilities."""
    with reading(engine) as connection:
        rows = connection.execute(text(UNSCANNED), {"project": project, "environment": environment})
        return [f"{row.project} {row.environment}" for row in rows]
