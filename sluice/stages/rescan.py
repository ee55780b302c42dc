"""What runs, looked at again with today's vulnerability data; no build and no boundary depends on it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sluice.artifacts import ArtifactStore
from sluice.errors import SluiceError
from sluice.findings.merge import merge
from sluice.records.common import ArtifactRef
from sluice.records.rescan import Rescan, Served
from sluice.settings import Settings
from sluice.stages.workplace import now
from sluice.tools import programs, trivy, trivy_database, trivy_sbom
from sluice.tools.scan_job import Job
from sluice.tools.trivy_database import Database

TIMEOUT = 600.0
STALE = "SCANNER_DB_STALE"


def rescan(served: Served, settings: Settings, log: Callable[[str], None]) -> Rescan:
    """Look at the packages of what serves; never raises for what is in the way of it: the result says so."""
    if served.sbom is None:
        return Rescan(served=served, problem="its scan made no bill of materials")
    try:
        return _look(served, served.sbom, settings, log)
    except SluiceError as error:
        return Rescan(served=served, problem=str(error))


def _look(served: Served, sbom: ArtifactRef, settings: Settings, log: Callable[[str], None]) -> Rescan:
    program, home = programs.find(trivy.NAME), settings.home
    database = trivy_database.prepare(settings.trivy_db, home.cache / "trivy", program, now(), log)
    problem = unfit(database, settings.trivy_db_max_age_days, now())
    if problem:
        return Rescan(served=served, problem=problem, database_updated_at=database.updated_at)
    with tempfile.TemporaryDirectory(prefix="sluice-rescan-") as folder:
        scratch = Path(folder)
        file = scratch / "sbom.cdx.json"
        file.write_bytes(ArtifactStore(home.artifacts).read(sbom))
        job = Job(
            program, programs.version(program, trivy.VERSION, home.cache), scratch, scratch, home.cache, TIMEOUT, log
        )
        drafts, packages = trivy_sbom.scan(job, file, database)
    return Rescan(
        served=served, database_updated_at=database.updated_at, packages=packages, findings=tuple(merge(drafts))
    )


def unfit(database: Database, max_age_days: float, moment: datetime) -> str:
    """Return why nothing can be looked for with this data, by name; "" when it is fit."""
    if database.updated_at is None or not database.usable:
        return f"SCANNER_DB_MISSING: {database.reason}"
    age = (moment - database.updated_at).total_seconds() / 86400
    if age > max_age_days:
        return f"{STALE}: the vulnerability data is {age:.1f} days old, allowed: {max_age_days:g}"
    return ""
